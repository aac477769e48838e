/** Rows as psql prints them: aligned, or expanded to a line a column. */
import { displayWidth, padEnd, padStart } from './display-width.js'

export interface TextTable {
  readonly columns: readonly string[]
  /** Which columns stand right: numbers. */
  readonly right: readonly boolean[]
  readonly rows: readonly (readonly string[])[]
}

/** psql's default format, with its `(3 rows)`. Lines end in a newline. */
export function formatAligned({ columns, right, rows }: TextTable, title?: string): string {
  const cells = rows.map((row) => row.map(visibleLines))
  const headers = columns.map((name) => visibleLines(name).join(' '))
  const widths = headers.map((header, column) =>
    cells.reduce((most, row) => Math.max(most, widest(row[column] ?? [])), displayWidth(header)),
  )
  const lines: string[] = []
  const total = widths.reduce((sum, width) => sum + width + 3, -1)
  if (title !== undefined) lines.push(center(title, total).trimEnd())
  lines.push(headers.map((header, column) => ` ${center(header, widths[column]!)} `).join('|'))
  lines.push(widths.map((width) => '-'.repeat(width + 2)).join('+'))
  for (const row of cells) lines.push(...rowLines(row, widths, right))
  lines.push(rowCount(rows.length), '')
  return `${lines.join('\n')}\n`
}

/** psql's `\x` format. */
export function formatExpanded({ columns, rows }: TextTable): string {
  if (rows.length === 0) return '(0 rows)\n\n'
  const names = columns.map((name) => visibleLines(name).join(' '))
  const nameWidth = Math.max(0, ...names.map(displayWidth))
  const cells = rows.map((row) => row.map(visibleLines))
  const valueWidth = cells.reduce((most, row) => row.reduce((wide, lines) => Math.max(wide, widest(lines)), most), 0)
  const lines: string[] = []
  for (const [index, row] of cells.entries()) {
    lines.push(recordHeader(index + 1, nameWidth, valueWidth))
    for (const [column, [first = '', ...more]] of row.entries()) {
      const mark = more.length > 0 ? `${padEnd(first, valueWidth)}+` : first
      lines.push(`${padEnd(names[column]!, nameWidth)} | ${mark}`)
      for (const [at, line] of more.entries()) {
        const text = at < more.length - 1 ? `${padEnd(line, valueWidth)}+` : line
        lines.push(`${' '.repeat(nameWidth)} | ${text}`)
      }
    }
  }
  return `${lines.join('\n')}\n\n`
}

export function rowCount(rows: number): string {
  return rows === 1 ? '(1 row)' : `(${rows} rows)`
}

/** A value with several lines takes as many lines of the table; `+` marks that it goes on, as in psql. */
function rowLines(row: readonly (readonly string[])[], widths: readonly number[], right: readonly boolean[]): string[] {
  const height = Math.max(1, ...row.map((lines) => lines.length))
  return Array.from({ length: height }, (_, at) =>
    row
      .map((lines, column) => {
        const text = lines[at] ?? ''
        const more = at < lines.length - 1
        // psql ends the last column with its text, or where a number's column ends.
        const end = more ? '+' : column === row.length - 1 ? '' : ' '
        if (right[column]) return ` ${padStart(text, widths[column]!)}${end}`
        return ` ${end === '' ? text : padEnd(text, widths[column]!)}${end}`
      })
      .join('|'),
  )
}

function recordHeader(record: number, nameWidth: number, valueWidth: number): string {
  const head = `-[ RECORD ${record} ]`
  const total = nameWidth + 3 + valueWidth
  const rest = Array.from({ length: Math.max(0, total - head.length) }, (_, index) =>
    head.length + index === nameWidth + 1 ? '+' : '-',
  )
  return head + rest.join('')
}

function center(text: string, width: number): string {
  const space = Math.max(0, width - displayWidth(text))
  const before = Math.floor(space / 2)
  return ' '.repeat(before) + text + ' '.repeat(space - before)
}

function widest(lines: readonly string[]): number {
  return lines.reduce((most, line) => Math.max(most, displayWidth(line)), 0)
}

/** The lines of a value, its control characters written out: a value must not steer the terminal. */
function visibleLines(text: string): string[] {
  return text.split(/\r?\n/).map((line) => line.replaceAll('\t', '        ').replace(/\p{Control}/gu, escaped))
}

function escaped(control: string): string {
  return `\\x${control.charCodeAt(0).toString(16).padStart(2, '0')}`
}
