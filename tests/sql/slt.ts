/** Reads .slt files (sqllogictest's form, see README.md) into records. */

export interface StatementRecord {
  readonly kind: 'statement'
  readonly line: number
  readonly sql: string
  /** The SQLSTATE that it must fail with. */
  readonly error?: string
}

export interface QueryRecord {
  readonly kind: 'query'
  readonly line: number
  readonly sql: string
  /** A letter a column: I integer, R number with a fraction, T text, B boolean. */
  readonly types: string
  /** Whether the order of the rows is part of the answer. */
  readonly ordered: boolean
  /** Cannot be kept up to date: a view of it is refused. */
  readonly noView: boolean
  /** Written answers, where DuckDB cannot express the query or answers otherwise. */
  readonly expected?: readonly string[]
}

export type SltRecord = StatementRecord | QueryRecord

export function parseSlt(text: string): SltRecord[] {
  const records: SltRecord[] = []
  const lines = text.split('\n')
  for (let at = 0; at < lines.length; ) {
    const head = lines[at]!.trim()
    const line = at + 1
    at++
    if (head === '' || head.startsWith('#')) continue
    const body: string[] = []
    while (at < lines.length && lines[at]!.trim() !== '') body.push(lines[at++]!)
    records.push(parseRecord(head.split(/\s+/), body, line))
  }
  return records
}

function parseRecord([kind, ...words]: string[], body: readonly string[], line: number): SltRecord {
  if (kind === 'statement') {
    const [outcome, code] = words
    const record = { kind, line, sql: body.join('\n') } as const
    if (outcome === 'ok') return record
    if (outcome === 'error' && code !== undefined) return { ...record, error: code }
  }
  if (kind === 'query') {
    const [types = '', ...marks] = words
    const rule = body.indexOf('----')
    const known = ['ordered', 'noview']
    if (/^[IRTB]+$/.test(types) && marks.every((mark) => known.includes(mark))) {
      const ordered = marks.includes('ordered')
      const sql = (rule < 0 ? body : body.slice(0, rule)).join('\n')
      const record = { kind, line, sql, types, ordered, noView: marks.includes('noview') } as const
      return rule < 0 ? record : { ...record, expected: body.slice(rule + 1) }
    }
  }
  throw new Error(`line ${line}: not a record: ${kind} ${words.join(' ')}`)
}

/** Cells of a row are apart by this in comparisons and in written answers. */
const SEPARATOR = ' | '

/** A row as one text, in which equal answers of different engines are equal. */
export function normalRow(cells: readonly (string | null)[], types: string): string {
  if (cells.length !== types.length) throw new Error(`${cells.length} columns for the types ${types}`)
  return cells.map((cell, at) => (cell === null ? 'NULL' : normalCell(cell, types[at]!))).join(SEPARATOR)
}

/** A written row, normalized likewise. */
export function writtenRow(line: string, types: string): string {
  const cells = line.trim().split(/\s*\|\s*/)
  return normalRow(
    cells.map((cell) => (cell === 'NULL' ? null : cell)),
    types,
  )
}

function normalCell(cell: string, type: string): string {
  switch (type) {
    case 'I':
      // An integer may come as 3, 3.000 or (a sum) as a wide decimal.
      return cell.replace(/\.0*$/, '')
    case 'R': {
      const value = Number(cell)
      return Number.isFinite(value) ? String(Number(value.toPrecision(10))) : cell.toLowerCase()
    }
    case 'B':
      return cell === 't' || cell === 'true' ? 't' : 'f'
    default:
      return cell
  }
}

/** The rows of INSERT … VALUES one by one; another statement as it is. */
export function rowByRow(sql: string): string[] {
  const match = /^(\s*INSERT\s+INTO\s+\w+\s*(?:\([^)]*\))?\s*VALUES)(.*)$/is.exec(sql)
  if (match === null) return [sql]
  const [, head = '', all = ''] = match
  const conflict = /\sON\s+CONFLICT\b/i.exec(all)?.index ?? all.length
  const [rest, tail] = [all.slice(0, conflict), all.slice(conflict)]
  const rows: string[] = []
  let depth = 0
  let quoted = false
  let start = 0
  for (let at = 0; at < rest.length; at++) {
    const char = rest[at]
    if (char === "'") quoted = !quoted
    if (quoted) continue
    if (char === '(' && depth++ === 0) start = at
    if (char === ')' && --depth === 0) rows.push(`${head} ${rest.slice(start, at + 1)}${tail}`)
  }
  return rows
}
