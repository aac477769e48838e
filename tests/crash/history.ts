/**
 * What the writers of the crash test do: a function of a writer's number and of the step alone, so that whoever opens the
 * database afterwards can compute what must be in it. Each step is one commit; writers share relations but no keys.
 */

export const WRITERS = 4
/** Journal files this small are sealed every few commits. */
export const JOURNAL_FILE_BYTES = 16 << 10

/** Each view with the query that it must equal. */
export const VIEWS: readonly (readonly [string, string])[] = [
  ['appended', 'SELECT w, count(*) AS rows, sum(n) AS total, max(part) AS parts FROM s GROUP BY w'],
  ['kept', 'SELECT w, count(*) AS rows, sum(n) AS total FROM t GROUP BY w'],
  ['joined', 'SELECT s.w AS w, count(*) AS rows, sum(t.n) AS total FROM s JOIN t ON t.k = s.n % 40 GROUP BY s.w'],
]

export const SCHEMA = `
  CREATE STREAM s (w BIGINT, n BIGINT, part BIGINT, label TEXT);
  CREATE TABLE t (k BIGINT PRIMARY KEY, w BIGINT, n BIGINT, note TEXT);
  CREATE TABLE u (w BIGINT, name TEXT, n BIGINT, PRIMARY KEY (w, name));
  ${VIEWS.map(([name, query]) => `CREATE MATERIALIZED VIEW ${name} AS ${query};`).join('\n  ')}`

const KEYS = 40

/** One writer's rows. */
export interface Rows {
  readonly s: Map<string, string>
  readonly t: Map<number, { n: number; note: string }>
  readonly u: Map<string, number>
}

export const emptyRows = (): Rows => ({ s: new Map(), t: new Map(), u: new Map() })

/** Lengths that differ, so that frames end at all kinds of places. */
const text = (w: number, n: number): string => `${w}.${n} `.repeat(1 + ((w * 7 + n * 13) % 40)).trim()
const key = (w: number, n: number): number => w * KEYS + ((n * 11) % KEYS)

interface Step {
  /** More than one are a transaction. */
  readonly statements: readonly string[]
  readonly apply: (rows: Rows) => void
}

/** The step that writer `w` does as its `n`th. */
export function step(w: number, n: number): Step {
  const append = (count: number) => {
    const parts = Array.from({ length: count }, (_, part) => part)
    return {
      sql: `INSERT INTO s VALUES ${parts.map((part) => `(${w}, ${n}, ${part}, '${text(w, n + part)}')`).join(', ')}`,
      apply: (rows: Rows) => parts.forEach((part) => void rows.s.set(`${n}/${part}`, text(w, n + part))),
    }
  }
  const upsert = (count: number) => {
    const keys = Array.from({ length: count }, (_, i) => key(w, n + i))
    const values = keys.map((k) => `(${k}, ${w}, ${n}, '${text(w, n)}')`).join(', ')
    return {
      sql: `INSERT INTO t VALUES ${values} ON CONFLICT (k) DO UPDATE SET n = excluded.n, note = excluded.note`,
      apply: (rows: Rows) => keys.forEach((k) => void rows.t.set(k, { n, note: text(w, n) })),
    }
  }
  const name = `name ${n % 9}`
  switch (n % 6) {
    case 0: {
      const { sql, apply } = append(1 + (n % 5))
      return { statements: [sql], apply }
    }
    case 1: {
      const { sql, apply } = upsert(3)
      return { statements: [sql], apply }
    }
    case 2: {
      const gone = [key(w, n - 1), key(w, n + 5)]
      const apply = (rows: Rows) => gone.forEach((k) => void rows.t.delete(k))
      return { statements: [`DELETE FROM t WHERE k IN (${gone.join(', ')})`], apply }
    }
    case 3: {
      const [appended, upserted] = [append(1), upsert(2)]
      const named = `INSERT INTO u VALUES (${w}, '${name}', ${n}) ON CONFLICT (w, name) DO UPDATE SET n = excluded.n`
      const apply = (rows: Rows) => {
        appended.apply(rows)
        upserted.apply(rows)
        rows.u.set(name, n)
      }
      return { statements: [appended.sql, upserted.sql, named], apply }
    }
    case 4: {
      const apply = (rows: Rows) => {
        for (const row of rows.t.values()) if (row.n % 2 === 0) row.n += 1000
      }
      return { statements: [`UPDATE t SET n = n + 1000 WHERE w = ${w} AND n % 2 = 0`], apply }
    }
    default: {
      const apply = (rows: Rows) => void (rows.u.has(name) || rows.u.set(name, n))
      return { statements: [`INSERT INTO u VALUES (${w}, '${name}', ${n}) ON CONFLICT DO NOTHING`], apply }
    }
  }
}

/** Rows as text, in one order, to be compared. */
export function told(rows: Rows): string {
  const s = [...rows.s].map(([at, label]) => `s ${at} ${label}`)
  const t = [...rows.t].map(([k, { n, note }]) => `t ${k} ${n} ${note}`)
  const u = [...rows.u].map(([name, n]) => `u ${name} ${n}`)
  return [...s, ...t, ...u].sort().join('\n')
}
