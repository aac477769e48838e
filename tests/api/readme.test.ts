/** The README's first query does what the README says. */
import { expect, it } from 'vitest'
import { open } from '../../src/index.js'
import { read } from '../tidy/sources.js'

it('the first query', async () => {
  const code = /```ts\nimport \{ open \} from 'millrace'\n([\s\S]*?)\n```/.exec(read('README.md'))![1]!
  const printed: unknown[][] = []
  // The loop over changes never ends by itself: the first delivery is enough here.
  const body = code.replace("'./my.db'", "':memory:'").replace(/(console\.log\(epoch, changes\).*)/, '$1\n  break')
  const AsyncFunction = (async () => undefined).constructor as FunctionConstructor
  const run = new AsyncFunction('open', 'console', `${body}\nawait db.close()`)
  await run(open, { log: (...args: unknown[]) => printed.push(args) })
  expect(printed).toHaveLength(2)
  const [row] = printed[0]![0] as { card_id: bigint; swipes: bigint; total: unknown }[]
  expect(row).toMatchObject({ card_id: 7n, swipes: 1n })
  expect(String(row!.total)).toBe('12.50')
  const [epoch, changes] = printed[1] as [bigint, { weight: bigint | number; row: { card_id: bigint } }[]]
  expect(epoch).toBeGreaterThan(0n)
  expect(changes.map((change) => [Number(change.weight), change.row.card_id])).toEqual([[1, 7n]])
})
