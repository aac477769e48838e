/** The blocks of an .slt file of statements, for the test and for the script that asks PostgreSQL. */

export interface Block {
  readonly line: number
  readonly comment: boolean
  /** Empty until PostgreSQL has been asked. */
  readonly head: string
  readonly sql: string
  readonly rows: readonly string[]
}

export function blocksOf(text: string): Block[] {
  const blocks: Block[] = []
  const lines = text.split('\n')
  for (let at = 0; at < lines.length; at++) {
    if (lines[at]!.trim() === '') continue
    const line = at + 1
    const body: string[] = []
    while (at < lines.length && lines[at]!.trim() !== '') body.push(lines[at++]!)
    const comment = body[0]!.startsWith('#')
    const head = /^(statement (ok|count|error)|query)\b/.test(body[0]!) ? body.shift()! : ''
    const rule = body.indexOf('----')
    const sql = (rule < 0 ? body : body.slice(0, rule)).join('\n')
    blocks.push({ line, comment, head, sql, rows: rule < 0 ? [] : body.slice(rule + 1) })
  }
  return blocks
}

/** A row as the files have it. */
export function rowText(cells: readonly (string | null)[]): string {
  return cells.map((cell) => (cell === null ? 'NULL' : cell === '' ? "''" : cell.replaceAll('\n', '\\n'))).join(' | ')
}

/** Whether the order of a query's rows is part of its answer. */
export function isOrdered(sql: string): boolean {
  return /\border\s+by\b[^()]*$/i.test(sql)
}
