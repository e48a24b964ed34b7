import { useId, type ReactNode } from 'react'

interface Props {
  title: string
  extra?: ReactNode
  children: ReactNode
  className?: string
}

export function Panel({ title, extra, children, className = '' }: Props) {
  const id = useId()
  return (
    <section className={`panel ${className}`} aria-labelledby={id}>
      <header>
        <h2 id={id}>{title}</h2>
        <div className="grow" />
        {extra}
      </header>
      {children}
    </section>
  )
}

/** A line in the place of rows that are not there. */
export function Nothing({ children }: { children: ReactNode }) {
  return <p className="soft" style={{ margin: 0, padding: '14px' }}>{children}</p>
}
