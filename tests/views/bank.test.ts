/** Internal consistency: transfers between ten accounts, and views of them that are put together again. Whatever is seen of a view,
 *  at any time, is the answer over the transfers up to the epoch of which it is: the total is never off because one side is ahead. */
import { describe, expect, test } from 'vitest'
import { Random } from '../../examples/fraud/random.js'
import { type Database, open } from '../../src/index.js'

const ACCOUNTS = 10
const SEED = 42
const VIEWS: Readonly<Record<string, string>> = {
  accepted: 'SELECT id FROM transfers',
  outer_join: 'SELECT a.id, b.id AS other FROM transfers AS a LEFT JOIN transfers AS b ON a.id = b.id',
  credits: 'SELECT to_account AS account, sum(amount) AS credits FROM transfers GROUP BY to_account',
  debits: 'SELECT from_account AS account, sum(amount) AS debits FROM transfers GROUP BY from_account',
  balance:
    'SELECT credits.account, credits - debits AS balance FROM credits JOIN debits ON credits.account = debits.account',
  total: 'SELECT sum(balance) AS total FROM balance',
}
/** Rows of a commit, and how many commits. */
const BATCHES = [
  [1, 200],
  [7, 100],
  [1000, 20],
  [100_000, 2],
] as const

interface Transfers {
  readonly from: Int32Array
  readonly to: Int32Array
  readonly ts: BigInt64Array
  /** In the order in which they come. */
  readonly order: Int32Array
}

/** Either every account pays the next one in turn, or anybody anybody, and what comes is up to ten seconds late. */
function makeTransfers(kind: 'simple' | 'disordered', count: number): Transfers {
  const random = new Random(SEED)
  const [from, to, ts] = [new Int32Array(count), new Int32Array(count), new BigInt64Array(count)]
  const arrival = new Float64Array(count)
  for (let id = 0; id < count; id++) {
    const second = Math.floor((60 * id) / count)
    const delay = kind === 'simple' ? 0 : random.unit() * 10
    from[id] = kind === 'simple' ? id % ACCOUNTS : random.below(ACCOUNTS)
    to[id] = kind === 'simple' ? (from[id]! + 1) % ACCOUNTS : random.below(ACCOUNTS)
    ts[id] = BigInt(second) * 1_000_000n
    arrival[id] = second + delay
  }
  const order = Int32Array.from({ length: count }, (_, id) => id).sort((a, b) => arrival[a]! - arrival[b]! || a - b)
  return { from, to, ts, order }
}

/** What each view is after so many transfers. */
function answersAfter({ from, to, order }: Transfers, count: number): Record<string, string> {
  const sums = { credits: new Map<number, number>(), debits: new Map<number, number>() }
  for (const id of order.subarray(0, count)) {
    sums.credits.set(to[id]!, (sums.credits.get(to[id]!) ?? 0) + 1)
    sums.debits.set(from[id]!, (sums.debits.get(from[id]!) ?? 0) + 1)
  }
  const balance = [...sums.credits].flatMap(([account, credits]) => {
    const debits = sums.debits.get(account)
    return debits === undefined ? [] : [[account, credits - debits] as const]
  })
  const total = balance.length === 0 ? 'null' : String(balance.reduce((sum, [, value]) => sum + value, 0))
  const text = (rows: Iterable<readonly [number, number]>) =>
    [...rows]
      .map((row) => row.join(','))
      .toSorted()
      .join(' ')
  return { credits: text(sums.credits), debits: text(sums.debits), balance: text(balance), total }
}

async function define(db: Database): Promise<void> {
  await db.query(
    'CREATE STREAM transfers (id BIGINT, from_account INTEGER, to_account INTEGER, amount BIGINT, ts TIMESTAMP)',
  )
  for (const [name, sql] of Object.entries(VIEWS)) await db.query(`CREATE MATERIALIZED VIEW ${name} AS ${sql}`)
}

/** One commit of the transfers from here to there. */
async function commit(db: Database, transfers: Transfers, from: number, to: number): Promise<void> {
  const ids = transfers.order.subarray(from, to)
  const appender = db.appender('transfers', { batchRows: 1_000_000, flushMs: 3_600_000 })
  for (const id of ids) {
    const row = [BigInt(id), transfers.from[id]!, transfers.to[id]!, 1n, transfers.ts[id]!]
    const wait = appender.append(row)
    if (wait !== undefined) await wait
  }
  await appender.close()
}

function same(name: string, rows: readonly (readonly unknown[])[], answer: Record<string, string>): string | undefined {
  const found = rows
    .map((row) => row.map(String).join(','))
    .toSorted()
    .join(' ')
  return found === answer[name] ? undefined : `${name}: ${found}, not ${answer[name]}`
}

for (const kind of ['simple', 'disordered'] as const) {
  describe(`${kind} transfers`, () => {
    for (const [size, commits] of BATCHES) {
      test(`${size} a commit`, async () => {
        const transfers = makeTransfers(kind, size * commits)
        await using db = await open(':memory:', { durability: 'none' })
        await define(db)
        /** Wrong outputs; none may be. */
        const wrong: string[] = []
        /** Outputs that were compared while more was to come. */
        let seen = 0
        /** The answers by the number of transfers that are in. */
        const answers = new Map<number, Record<string, string>>()
        for (let n = 0; n <= commits; n++) answers.set(n * size, answersAfter(transfers, n * size))

        const subscriptions = await Promise.all(
          ['credits', 'debits', 'balance', 'total', 'outer_join'].map(async (name) => ({
            name,
            subscription: await db.subscribe(`SELECT v.*, (SELECT count(*) FROM transfers) AS n FROM ${name} AS v`, {
              snapshot: true,
            }),
          })),
        )
        let last = false
        const readers = subscriptions.map(async ({ name, subscription }) => {
          const rows = new Map<string, { values: unknown[]; weight: bigint }>()
          for await (const { changes } of subscription) {
            for (const { row, weight } of changes) {
              const values = Object.values(row)
              const key = values.join()
              const now = (rows.get(key)?.weight ?? 0n) + weight
              if (now === 0n) rows.delete(key)
              else rows.set(key, { values, weight: now })
              if (now < 0n) wrong.push(`${name}: a row was taken away that was not there: ${key}`)
              if (name === 'outer_join' && values[1] === null) wrong.push('outer_join: a row without its other')
            }
            const n = Number([...rows.values()][0]?.values.at(-1) ?? 0)
            if (name === 'outer_join') {
              if (rows.size !== n) wrong.push(`outer_join: ${rows.size} rows of ${n}`)
            } else {
              const found = [...rows.values()].map(({ values }) => values.slice(0, -1))
              const error = same(name, found, answers.get(n)!)
              if (error !== undefined) wrong.push(`subscriber after ${n}: ${error}`)
            }
            if (n === size * commits) return
            seen++
          }
        })
        const poller = (async () => {
          while (!last) {
            await db.transaction(async (tx) => {
              const n = Number((await tx.query('SELECT count(*) FROM accepted')).arrays()[0]![0])
              for (const name of ['total', 'balance', 'debits']) {
                const error = same(name, (await tx.query(`SELECT * FROM ${name}`)).arrays(), answers.get(n)!)
                if (error !== undefined) wrong.push(`transaction after ${n}: ${error}`)
              }
            })
          }
        })()
        for (let n = 0; n < commits; n++) await commit(db, transfers, n * size, (n + 1) * size)
        await Promise.all(readers)
        last = true
        await poller
        expect(wrong.slice(0, 5)).toEqual([])
        expect(seen).toBeGreaterThan(0)
        expect((await db.query('SELECT * FROM total')).arrays()).toHaveLength(1)
      }, 120_000)
    }
  })
}
