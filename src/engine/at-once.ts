/** Which plans the engine may answer without changing threads, told by their form: a row by its key, or constants. */
import type { Command, Rel } from '../../sql/index.js'
import type { EncodedCommand } from '../native/encode.js'

const DEPTH_MAX = 8

export function mayBeAtOnce(command: Command | EncodedCommand): command is Command & { command: 'query' } {
  if ('encoded' in command || command.command !== 'query' || command.transaction !== null) return false
  let rel: Rel = command.root
  for (let depth = 0; depth < DEPTH_MAX; depth++) {
    switch (rel.op) {
      case 'project':
      case 'limit':
        rel = rel.input
        break
      case 'filter':
        if (rel.input.op === 'scan') return rel.input.as_of === null
        rel = rel.input
        break
      case 'values':
        return rel.rows.length <= 16
      default:
        return false
    }
  }
  return false
}
