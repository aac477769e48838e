/** The parameters of a parsed statement. */
import type { Statement } from '../../sql/index.js'

/** The highest n of its `$n`; 0 without any. */
export function highestParameter(statement: Statement): number {
  let highest = 0
  const waiting: unknown[] = [statement]
  while (waiting.length > 0) {
    const node = waiting.pop()
    if (typeof node !== 'object' || node === null) continue
    const { kind, index } = node as { kind?: unknown; index?: unknown }
    if (kind === 'parameter' && typeof index === 'number') highest = Math.max(highest, index)
    else waiting.push(...Object.values(node))
  }
  return highest
}
