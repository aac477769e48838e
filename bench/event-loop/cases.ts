/** What is done while the event loop's turns are measured. What the caller would do itself, as making rows, is done before or
 *  in stretches of a fraction of a millisecond. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { tableFromIPC, tableToIPC } from 'apache-arrow'
import { cardsToArrow, pastToArrow, swipesToArrow } from '../../examples/fraud/arrow.js'
import { readSql } from '../../examples/fraud/folder.js'
import { SwipeGenerator } from '../../examples/fraud/generate.js'
import { type Database, open } from '../../src/index.js'

export type Measure = (name: string, work: () => Promise<unknown>) => Promise<void>

const CHUNK = 50_000
const GROUPS = 57_000
const COLUMNS = 'id, amount, label, flag, score'
const STREAM = '(id BIGINT, amount DOUBLE PRECISION, label TEXT, flag BOOLEAN, score DOUBLE PRECISION)'
const SWIPES = 200_000
const SWIPE_BATCH = 10_000

/** Opening, DDL, rows in and out of one database in a folder, long statements, closing. */
export async function rowCases(rows: number, measure: Measure): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-bench-'))
  let db = await open(folder)
  try {
    await measure('DDL and planning', () =>
      db.execute(`
        CREATE STREAM numbers ${STREAM};
        CREATE STREAM objects ${STREAM};
        CREATE STREAM tables ${STREAM};
        CREATE MATERIALIZED VIEW groups AS SELECT id % ${GROUPS} AS k, count(*) AS n, sum(amount) AS total FROM numbers GROUP BY 1`),
    )
    await appends(db, rows, measure)
    await queries(db, rows, measure)
    await deliveries(db, rows, measure)
    await measure('close', () => db.close())
    await measure('open', async () => {
      db = await open(folder)
    })
  } finally {
    await db.close()
    rmSync(folder, { recursive: true, force: true })
  }
}

async function appends(db: Database, rows: number, measure: Measure): Promise<void> {
  await measure('appender, columns', async () => {
    const appender = db.appender('numbers')
    for (let from = 0; from < rows; from += CHUNK) {
      await appender.appendColumns(await columns(from, Math.min(CHUNK, rows - from)))
    }
    await appender.close()
  })
  const objects: object[] = []
  for (let id = 0; id < rows / 2; id++) {
    objects.push({ id: BigInt(id), amount: id / 100, label: `label ${id % 1000}`, flag: true, score: 0.5 })
  }
  await measure('appender, row objects', async () => {
    const appender = db.appender('objects')
    for (const row of objects) await appender.append(row as Record<string, unknown>)
    await appender.close()
  })
  const { ipc, table } = await asArrow(db)
  await measure('appender, one Arrow table', async () => {
    const appender = db.appender('tables')
    await appender.appendArrow(table)
    await appender.close()
  })
  await measure('appender, Arrow bytes', async () => {
    const appender = db.appender('tables')
    await appender.appendArrow(ipc)
    await appender.close()
  })
}

async function columns(from: number, count: number) {
  const labels: string[] = []
  const made = {
    id: new BigInt64Array(count),
    amount: new Float64Array(count),
    label: labels,
    flag: new Array<boolean>(count),
    score: new Float64Array(count),
  }
  for (let n = 0; n < count; n++) {
    if (n % 1000 === 0) await nextTurn()
    made.id[n] = BigInt(from + n)
    made.amount[n] = (from + n) / 100
    labels.push(`label ${n % 1000}`)
    made.flag[n] = n % 2 === 0
    made.score[n] = 1 / (n + 1)
  }
  return made
}

/** Half of the rows in one piece, for the appender. */
async function asArrow(db: Database) {
  const ipc = tableToIPC((await db.query(`SELECT ${COLUMNS} FROM objects`)).arrow(), 'stream')
  return { ipc, table: tableFromIPC(ipc) }
}

async function queries(db: Database, rows: number, measure: Measure): Promise<void> {
  const all = `SELECT ${COLUMNS} FROM numbers`
  const expect = (count: number) => {
    if (count !== rows) throw new Error(`${count} rows instead of ${rows}`)
  }
  await measure('query, as Arrow', async () => expect((await db.query(all)).arrow().numRows))
  await measure('query, one row object at a time', async () => {
    let count = 0
    for await (const _ of await db.query(all)) count++
    expect(count)
  })
  await measure('query, all row objects', async () => expect((await (await db.query(all)).toArray()).length))
  await measure('query, batches of row objects', async () => {
    let count = 0
    for await (const batch of db.stream(all)) count += batch.rows.length
    expect(count)
  })
  await measure('a long query meanwhile', () =>
    db.query('SELECT label, count(*), sum(score) FROM numbers GROUP BY label ORDER BY 2 DESC LIMIT 5'),
  )
}

async function deliveries(db: Database, rows: number, measure: Measure): Promise<void> {
  const groups = Math.min(GROUPS, rows)
  await measure(`subscription, ${groups} rows at once as objects`, async () => {
    let seen = 0
    for await (const { changes } of await db.subscribe('SELECT * FROM groups', { snapshot: true })) {
      seen += changes.length
      if (seen >= groups) break
    }
  })
  await measure(`subscription, ${groups} rows at once as Arrow`, async () => {
    let seen = 0
    for await (const { batches } of (await db.subscribe('SELECT * FROM groups', { snapshot: true })).batches()) {
      seen += batches.reduce((sum, batch) => sum + batch.numRows, 0)
      if (seen >= groups) break
    }
  })
}

/** The card-fraud job: swipes as Arrow as fast as they are taken, and its alerts as objects. */
export async function fraudCase(measure: Measure): Promise<void> {
  const generator = new SwipeGenerator({ seed: 20_260_302, cards: 10_000 })
  const db = await open()
  try {
    await measure('fraud: DDL and planning', async () => {
      for (const file of ['tables.sql', 'source.embedded.sql', 'pipeline.sql']) await db.execute(await readSql(file))
    })
    const cards = db.appender('cards')
    await cards.appendArrow(cardsToArrow(generator.cards, 0, 10_000))
    await cards.close()
    const past = generator.past()
    const history = db.appender('past_swipes')
    await history.appendArrow(pastToArrow(past, 0, past.count))
    await history.close()
    const batches: Uint8Array[] = []
    for (let made = 0; made < SWIPES; made += SWIPE_BATCH) batches.push(swipesToArrow(generator.next(SWIPE_BATCH)))
    const alerts = await db.subscribe('SELECT * FROM flagged', { snapshot: true })
    let flagged = 0n
    const following = (async () => {
      for await (const { changes } of alerts) for (const { weight } of changes) flagged += weight
    })()
    await measure('fraud at full speed', async () => {
      const appender = db.appender('swipes')
      for (const batch of batches) await appender.appendArrow(batch)
      await appender.close()
      await db.query('SELECT count(*) AS n FROM flagged')
    })
    alerts.close()
    await following
    if (flagged === 0n) throw new Error('no swipe was flagged')
  } finally {
    await db.close()
  }
}

/** Parsing is synchronous: its time grows with the text. */
export async function parsingCases(measure: Measure): Promise<void> {
  const db = await open()
  try {
    await db.execute('CREATE TABLE t (a BIGINT, b TEXT)')
    const failing = (text: string) => async () => {
      await db.query(text).catch(() => undefined)
    }
    const columns = (count: number) =>
      Array.from({ length: count }, (_, n) => `CASE WHEN a > ${n} THEN b END AS c${n}`).join(', ')
    await measure('a statement of 10 kB', () => db.query(`SELECT ${columns(280)} FROM t WHERE a < 7`))
    await measure('another of 10 kB', () => db.query(`SELECT ${columns(280)} FROM t WHERE a < 8`))
    const rows = Array.from({ length: 10_000 }, (_, n) => `(${n}, 'text ${n}')`).join(', ')
    await measure('an INSERT of 10,000 rows of literals', () => db.query(`INSERT INTO t VALUES ${rows}`))
    await measure('1 MB that is no SQL', failing('nonsense ,;( '.repeat(80_000)))
  } finally {
    await db.close()
  }
}
