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
    why: 'DuckDB forgets the type of NULLs that it folds, and takes REPEAT of one for that of BLOBs',
    covers: (_sql, ours, theirs, judge) =>
      judge === 'duckdb' && ours.rows !== undefined && /No function matches[^\n]*\bBLOB\b/.test(theirs.error ?? ''),
  },
  {
    why: 'PostgreSQL takes a bare string for no type in the functions that take any, such as FIRST_VALUE',
    covers: (sql, ours, theirs) =>
      ours.rows !== undefined && theirs.error === '42804' && /(FIRST_VALUE|LAST_VALUE|LAG|LEAD)\(/.test(sql),
  },
  {
    why: 'sums of doubles are exact in Millrace and depend on the order in the judges: rows whose sums differ in the last bits only are not one row there',
    covers: (sql, ours, theirs) =>
      /\b(AVG|SUM|STDDEV|VARIANCE)\b/.test(sql) &&
      /\b(UNION|INTERSECT|EXCEPT|DISTINCT)\b/.test(sql) &&
      ours.rows !== undefined &&
      theirs.rows !== undefined &&
      sameButForCopies(ours.rows, theirs.rows),
  },
]

/** The same rows, of which those with a fraction are there more often in the second. */
function sameButForCopies(ours: readonly string[], theirs: readonly string[]): boolean {
  const count = (rows: readonly string[], row: string) => rows.filter((other) => other === row).length
  return [...new Set([...ours, ...theirs])].every((row) => {
    const [here, there] = [count(ours, row), count(theirs, row)]
    return here === there || (here === 1 && there > 1 && /\d\.\d/.test(row))
  })
}
