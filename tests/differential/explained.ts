/** Differences that are none of Millrace's faults, each with its reason. A difference that no line explains fails the run. */
import type { Judge } from './oracles.js'

export interface Answer {
  readonly rows?: readonly string[]
  readonly error?: string
}

export interface Explanation {
  readonly why: string
  readonly covers: (sql: string, ours: Answer, theirs: Answer, judge: Judge['name']) => boolean
}

export const EXPLANATIONS: readonly Explanation[] = [
  {
    why: 'DuckDB does not do all outer joins with LATERAL, nor all correlated subqueries, that PostgreSQL does',
    covers: (_sql, ours, theirs, judge) =>
      judge === 'duckdb' &&
      ours.rows !== undefined &&
      /non-inner LATERAL|Not implemented|not supported|Unsupported/i.test(theirs.error ?? ''),
  },
  {
    why: 'PostgreSQL takes a bare string for no type in the functions that take any, such as FIRST_VALUE',
    covers: (sql, ours, theirs) =>
      ours.rows !== undefined && theirs.error === '42804' && /(FIRST_VALUE|LAST_VALUE|LAG|LEAD)\(/.test(sql),
  },
]
