import { Component, type ReactNode } from 'react'

/** A fault of one page must not take the call with it: the phone is outside of this. */
export class Broken extends Component<{ text: string; children: ReactNode }, { failed: boolean }> {
  override state = { failed: false }

  static getDerivedStateFromError() {
    return { failed: true }
  }

  override render() {
    return this.state.failed ? <p role="alert">{this.props.text}</p> : this.props.children
  }
}
