/** COPY TO: a result as PostgreSQL's text format, CSV or a JSON object on each line. It is made of the engine's `DataRow` messages, which
 *  have each value's text. */
import type { CopyFormat, Field } from '../../../sql/index.js'

const DATA_ROW_HEAD = 7

/** The lines, with their ends: PostgreSQL sends each row as a message of its own. Returns the number of rows. */
export function* copyText(rows: Buffer, fields: readonly Field[], form: CopyFormat): Generator<string, number> {
  const forced = fields.map(({ name }) => form.forceQuote === '*' || form.forceQuote.includes(name))
  const names = fields.map(({ name }) => name)
  const line = (values: readonly (string | null)[]) =>
    form.format === 'json'
      ? jsonLine(values, fields)
      : `${values.map((value, at) => fieldText(value, form, forced[at]!)).join(form.delimiter)}\n`
  if (form.header !== false && form.format !== 'json')
    yield `${names.map((name) => fieldText(name, form, false)).join(form.delimiter)}\n`
  let count = 0
  for (const values of rowTexts(rows, fields.length)) {
    yield line(values)
    count += 1
  }
  return count
}

/** The texts of `DataRow` messages, row by row; the array is used again. */
export function* rowTexts(rows: Buffer, width: number): Generator<readonly (string | null)[], undefined> {
  const values: (string | null)[] = new Array(width)
  for (let row = 0; row < rows.length; row += 1 + rows.readInt32BE(row + 1)) {
    let at = row + DATA_ROW_HEAD
    for (let field = 0; field < width; field++) {
      const length = rows.readInt32BE(at)
      at += 4
      if (length === -1) values[field] = null
      else {
        values[field] = rows.toString('utf8', at, at + length)
        at += length
      }
    }
    yield values
  }
  return undefined
}

function fieldText(value: string | null, form: CopyFormat, forced: boolean): string {
  if (value === null) return form.null
  return form.format === 'csv' ? csvText(value, form, forced) : plainText(value, form.delimiter)
}

const ESCAPES: Readonly<Record<string, string>> = {
  '\b': '\\b',
  '\f': '\\f',
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
  '\v': '\\v',
  '\\': '\\\\',
}

function plainText(value: string, delimiter: string): string {
  const escaped = /[\b\f\n\r\t\v\\]/.test(value) ? value.replace(/[\b\f\n\r\t\v\\]/g, (c) => ESCAPES[c] ?? c) : value
  return delimiter !== '\t' && escaped.includes(delimiter) ? escaped.replaceAll(delimiter, `\\${delimiter}`) : escaped
}

function csvText(value: string, { delimiter, quote, escape: mark, null: none }: CopyFormat, forced: boolean): string {
  const needs =
    forced ||
    value === none ||
    value === '\\.' ||
    value.includes(delimiter) ||
    value.includes(quote) ||
    /[\r\n]/.test(value)
  if (!needs) return value
  let inner = mark === quote ? value : value.replaceAll(mark, `${mark}${mark}`)
  inner = inner.replaceAll(quote, `${mark}${quote}`)
  return `${quote}${inner}${quote}`
}

const BARE: ReadonlySet<string> = new Set(['smallint', 'integer', 'bigint', 'numeric', 'jsonb'])

function jsonLine(values: readonly (string | null)[], fields: readonly Field[]): string {
  const members = fields.map(({ name, data_type }, at) => {
    const value = values[at] ?? null
    return `${JSON.stringify(name)}:${value === null ? 'null' : jsonValue(value, data_type.type)}`
  })
  return `{${members.join(',')}}\n`
}

function jsonValue(text: string, type: Field['data_type']['type']): string {
  if (type === 'boolean') return text === 't' ? 'true' : 'false'
  if (BARE.has(type)) return text
  const number = (type === 'real' || type === 'double') && /^-?\d/.test(text)
  return number ? text : JSON.stringify(text)
}
