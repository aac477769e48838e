/** The text of COPY FROM as rows of fields: PostgreSQL's text format, CSV, or a JSON object on each line. Text comes in parts; a row is
 *  given once all of it is there. */
import { Code, type CopyFormat } from '../../../sql/index.js'
import { MillraceError } from '../../native/errors.js'

/** A field's text, or null for NULL. */
export type Fields = readonly (string | null)[]

/** A row that is not ended after so many characters is not one. */
const ROW_LENGTH_MAX = 64 << 20
const END_OF_DATA = '\\.'

export class RowReader {
  readonly #form: CopyFormat
  readonly #names: readonly string[]
  readonly #forceNull: readonly boolean[]
  readonly #forceNotNull: readonly boolean[]
  #rest = ''
  #at = 0
  #ended = false
  /** How much of the row that has not ended was looked at. */
  #scan = { length: 0, lines: 0, open: false }
  /** Of the row that was given last, from 1; a row of several lines has the last one's. */
  line = 0

  /** `names` are those of the columns that each row has. */
  constructor(form: CopyFormat, names: readonly string[]) {
    this.#form = form
    this.#names = names
    this.#forceNull = names.map((name) => form.forceNull.includes(name))
    this.#forceNotNull = names.map((name) => form.forceNotNull.includes(name))
  }

  add(text: string): void {
    this.#rest = this.#at === 0 && this.#rest === '' ? text : this.#rest.slice(this.#at) + text
    this.#at = 0
    if (this.#rest.length > ROW_LENGTH_MAX)
      throw new MillraceError(Code.InsufficientResources, `a row has more than ${ROW_LENGTH_MAX} characters`)
  }

  /** The next row, if all of it is there; `last` says that no more text comes. */
  next(last: boolean): Fields | undefined {
    while (!this.#ended) {
      const record = this.#record(last)
      if (record === undefined) return undefined
      if (record === END_OF_DATA && this.#form.format !== 'json') {
        this.#ended = true
        return undefined
      }
      if (this.line === 1 && this.#form.header !== false) {
        this.#checkHeader(record)
        continue
      }
      if (this.#form.format === 'json') {
        if (record.trim() === '') continue
        return this.#jsonFields(record)
      }
      return this.#form.format === 'csv' ? this.#csvFields(record) : this.#textFields(record)
    }
    return undefined
  }

  /** The characters of a row, without its end. What was looked at of a row that has not ended is not looked at again. */
  #record(last: boolean): string | undefined {
    const { format, quote, escape: mark } = this.#form
    const text = this.#rest
    const start = this.#at
    const scan = this.#scan
    for (;;) {
      const from = start + scan.length
      const end = text.indexOf('\n', from)
      if (end === -1 && (!last || start >= text.length)) return undefined
      const stop = end === -1 ? text.length : end
      if (format === 'csv') scan.open = isOpen(text, from, stop, quote, mark, scan.open)
      else scan.open = format === 'text' && endsEscaped(text, from, stop)
      scan.lines += 1
      if (scan.open && end !== -1) {
        scan.length = end + 1 - start
        continue
      }
      this.line += scan.lines
      if (scan.open && format === 'csv')
        throw new MillraceError(Code.BadCopyFileFormat, 'unterminated CSV quoted field')
      this.#at = end === -1 ? stop : end + 1
      this.#scan = { length: 0, lines: 0, open: false }
      return text.slice(start, stop > start && text[stop - 1] === '\r' ? stop - 1 : stop)
    }
  }

  #textFields(record: string): Fields {
    const { delimiter, null: none } = this.#form
    if (!record.includes('\\')) {
      const fields = record.split(delimiter)
      return none === '\\N' ? fields : fields.map((field) => (field === none ? null : field))
    }
    const fields: (string | null)[] = []
    let raw = ''
    for (let i = 0; i <= record.length; i++) {
      const character = record[i]
      if (character === undefined || character === delimiter) {
        fields.push(raw === none ? null : unescaped(raw))
        raw = ''
      } else if (character === '\\') {
        raw += character + (record[++i] ?? '')
      } else raw += character
    }
    return fields
  }

  #csvFields(record: string): Fields {
    const { delimiter, quote, escape: mark, null: none } = this.#form
    const fields: (string | null)[] = []
    const given = (text: string, wasQuoted: boolean) => {
      const at = fields.length
      const isNull = text === none && (wasQuoted ? this.#forceNull[at] === true : this.#forceNotNull[at] !== true)
      fields.push(isNull ? null : text)
    }
    if (!record.includes(quote)) {
      for (const field of record.split(delimiter)) given(field, false)
      return fields
    }
    let text = ''
    let inside = false
    let wasQuoted = false
    for (let i = 0; i < record.length; i++) {
      const character = record[i]!
      if (inside) {
        const next = record[i + 1]
        if (character === mark && (next === quote || next === mark) && !(mark === quote && next !== quote)) {
          text += next
          i++
        } else if (character === quote) inside = false
        else text += character
      } else if (character === quote) {
        inside = true
        wasQuoted = true
      } else if (character === delimiter) {
        given(text, wasQuoted)
        text = ''
        wasQuoted = false
      } else text += character
    }
    given(text, wasQuoted)
    return fields
  }

  /** Objects name their columns; what an object leaves out is NULL. */
  #jsonFields(record: string): Fields {
    let value: unknown
    try {
      value = JSON.parse(record)
    } catch {
      throw new MillraceError(Code.BadCopyFileFormat, 'the line is not JSON')
    }
    if (typeof value !== 'object' || value === null || Array.isArray(value))
      throw new MillraceError(Code.BadCopyFileFormat, 'the line is not a JSON object')
    const extra = Object.keys(value).find((name) => !this.#names.includes(name))
    if (extra !== undefined)
      throw new MillraceError(Code.BadCopyFileFormat, `there is no column for the member "${extra}"`)
    return this.#names.map((name) => {
      const member = (value as Record<string, unknown>)[name]
      if (member === undefined || member === null) return null
      return typeof member === 'string' ? member : JSON.stringify(member)
    })
  }

  #checkHeader(record: string): void {
    if (this.#form.header !== 'match') return
    const found = this.#form.format === 'csv' ? this.#csvFields(record) : this.#textFields(record)
    if (found.length !== this.#names.length) {
      const message = `wrong number of fields in header line: got ${found.length}, expected ${this.#names.length}`
      throw new MillraceError(Code.BadCopyFileFormat, message)
    }
    const at = found.findIndex((name, i) => name !== this.#names[i])
    if (at === -1) return
    const message = `column name mismatch in header line field ${at + 1}: got "${found[at] ?? ''}", expected "${this.#names[at]}"`
    throw new MillraceError(Code.BadCopyFileFormat, message)
  }
}

/** Whether the line ends inside quotes; `inside` says whether it begins so. */
function isOpen(text: string, start: number, stop: number, quote: string, mark: string, inside: boolean): boolean {
  let open = inside
  for (let i = inside ? start : text.indexOf(quote, start); i !== -1 && i < stop; i++) {
    const character = text[i]
    if (open && character === mark && mark !== quote) i++
    else if (character === quote) open = !open
  }
  return open
}

/** Whether an odd number of backslashes stands before the end. */
function endsEscaped(text: string, start: number, stop: number): boolean {
  let count = 0
  for (let i = stop - 1; i >= start && text[i] === '\\'; i--) count++
  return count % 2 === 1
}

const ESCAPES: Readonly<Record<string, string>> = { b: '\b', f: '\f', n: '\n', r: '\r', t: '\t', v: '\v' }

function unescaped(raw: string): string {
  if (!raw.includes('\\')) return raw
  return raw.replace(/\\(?:x([0-9A-Fa-f]{1,2})|([0-7]{1,3})|([\s\S]))/g, (_, hex, octal, other) => {
    if (other !== undefined) return ESCAPES[other] ?? other
    return String.fromCharCode(hex === undefined ? Number.parseInt(octal, 8) & 0xff : Number.parseInt(hex, 16))
  })
}
