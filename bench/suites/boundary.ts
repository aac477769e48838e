/** What it costs to get a large result into JavaScript: 1 M rows of 5 columns, as Arrow and as row objects, beside DuckDB's client. */
import { type Database, open } from '../../src/index.js'
import { installed } from '../machine.js'
import type { Measurement, Suite } from '../suite.js'

const ROWS = 1_000_000
const QUERY = 'SELECT id, amount, label, flag, score FROM numbers'
const CHUNK = 50_000

interface Subject {
  readonly name: string
  /** Fetches the whole result in columns and returns a sum over it, so that nothing is left undone. */
  columns(): Promise<number>
  rows(): Promise<number>
  close(): Promise<void>
}

export const boundary: Suite = {
  name: 'boundary',
  about: "a result of 1 M x 5 in JavaScript, beside DuckDB's client",
  async run({ rows = ROWS, repeat, report }) {
    const subjects: Subject[] = [await millrace(rows)]
    const missing: string[] = []
    const version = installed('@duckdb/node-api')
    if (version === undefined) missing.push('duckdb: @duckdb/node-api is not installed (npm install)')
    else subjects.push(await duckdb(rows, version))

    const values = new Map<string, number[]>()
    let expected: number | undefined
    try {
      // One unmeasured turn warms both.
      for (let turn = 0; turn <= repeat; turn++) {
        for (const subject of subjects) {
          for (const form of ['columns', 'rows'] as const) {
            globalThis.gc?.()
            const started = performance.now()
            const sum = await subject[form]()
            const millis = performance.now() - started
            expected ??= sum
            if (sum !== expected)
              throw new Error(`${subject.name} got another result as ${form}: ${sum}, not ${expected}`)
            if (turn > 0)
              values.set(`${form} ${subject.name}`, [...(values.get(`${form} ${subject.name}`) ?? []), millis])
          }
        }
        if (turn > 0) report(`  ${turn} of ${repeat}`)
      }
    } finally {
      for (const subject of subjects) await subject.close()
    }
    const measurements = (['columns', 'rows'] as const).flatMap((form) =>
      subjects.map(
        (subject): Measurement => ({
          case: form === 'columns' ? 'columns' : 'row objects',
          subject: subject.name,
          metric: 'time',
          unit: 'ms',
          better: 'lower',
          values: values.get(`${form} ${subject.name}`) ?? [],
        }),
      ),
    )
    const notes = [
      `${rows} rows: bigint, double, text, boolean, double; each value of the id column is read`,
      "DuckDB's client has no Arrow: its columns are the vectors of its chunks; nobody converts the columns that are not read",
    ]
    return { measurements, missing, notes }
  },
}

function label(id: number): string {
  return `label ${id % 1000}`
}

async function millrace(rows: number): Promise<Subject> {
  const db: Database = await open()
  await db.execute(
    'CREATE STREAM numbers (id BIGINT, amount DOUBLE PRECISION, label TEXT, flag BOOLEAN, score DOUBLE PRECISION)',
  )
  const appender = db.appender('numbers')
  for (let from = 0; from < rows; from += CHUNK) {
    const ids = Array.from({ length: Math.min(CHUNK, rows - from) }, (_, n) => from + n)
    await appender.appendColumns({
      id: BigInt64Array.from(ids, BigInt),
      amount: Float64Array.from(ids, (id) => id / 100),
      label: ids.map(label),
      flag: ids.map((id) => id % 2 === 0),
      score: Float64Array.from(ids, (id) => 1 / (id + 1)),
    })
  }
  await appender.close()
  return {
    name: 'millrace',
    async columns() {
      const table = (await db.query(QUERY)).arrow()
      let sum = 0
      for (const batch of table.batches) {
        const ids = batch.getChildAt(0)?.toArray() as BigInt64Array
        for (const id of ids) sum += Number(id)
      }
      return sum
    },
    async rows() {
      let sum = 0
      for (const row of (await db.query<{ id: bigint }>(QUERY)).rows) sum += Number(row.id)
      return sum
    },
    close: () => db.close(),
  }
}

async function duckdb(rows: number, version: string): Promise<Subject> {
  const { DuckDBInstance } = await import('@duckdb/node-api')
  const instance = await DuckDBInstance.create(':memory:')
  const connection = await instance.connect()
  await connection.run(`CREATE TABLE numbers AS SELECT i AS id, i / 100.0::DOUBLE AS amount, 'label ' || i % 1000 AS label,
    i % 2 = 0 AS flag, 1.0::DOUBLE / (i + 1) AS score FROM range(${rows}) t(i)`)
  return {
    name: `duckdb ${version}`,
    async columns() {
      // The whole result is fetched as vectors, and one column is read: what is asked of us too.
      const chunks = await (await connection.run(QUERY)).fetchAllChunks()
      let sum = 0
      for (const chunk of chunks) {
        const ids = chunk.getColumnVector(0)
        for (let row = 0; row < chunk.rowCount; row++) sum += Number(ids.getItem(row))
      }
      return sum
    },
    async rows() {
      let sum = 0
      for (const row of (await connection.runAndReadAll(QUERY)).getRowObjects()) sum += Number(row.id)
      return sum
    },
    async close() {
      connection.closeSync()
      instance.closeSync()
    },
  }
}
