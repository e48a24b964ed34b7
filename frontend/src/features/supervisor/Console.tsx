import { AgentsPanel } from './AgentsPanel'
import { QueuesPanel } from './QueuesPanel'

export function Console() {
  return (
    <div className="console">
      <QueuesPanel />
      <AgentsPanel />
    </div>
  )
}
