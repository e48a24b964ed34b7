import { AgentsPanel } from './AgentsPanel'
import { LiveCallsPanel } from './LiveCallsPanel'
import { QueuesPanel } from './QueuesPanel'

export function Console() {
  return (
    <div className="console">
      <QueuesPanel />
      <LiveCallsPanel />
      <AgentsPanel />
    </div>
  )
}
