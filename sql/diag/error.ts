/** The one error that SQL text can cause, from the first token to the last coercion: PostgreSQL's parts, and a caret. */
import { placeOf } from './caret.js'
import type { Code } from './codes.js'

export interface SqlErrorParts {
  readonly detail?: string | undefined
  readonly hint?: string | undefined
  /** Where in the script, from 0: a node's span or an offset. */
  readonly at?: { readonly start: number } | number | undefined
  /** The script; the caret needs it. It can come later, with `locate`. */
  readonly text?: string | undefined
}

export class SqlError extends Error {
  override readonly name = 'SqlError'
  readonly code: Code
  readonly detail?: string
  readonly hint?: string
  /** From 1, in UTF-16 units of the script. */
  position?: number
  line?: number
  column?: number
  caret?: string
  /** Further errors of the same script, in order of position. */
  readonly others: readonly SqlError[]

  constructor(code: Code, message: string, parts: SqlErrorParts = {}, others: readonly SqlError[] = []) {
    super(message)
    this.code = code
    this.others = others
    if (parts.detail !== undefined) this.detail = parts.detail
    if (parts.hint !== undefined) this.hint = parts.hint
    const start = typeof parts.at === 'number' ? parts.at : parts.at?.start
    if (start !== undefined) this.position = start + 1
    if (parts.text !== undefined) this.locate(parts.text)
  }

  /** Fills line, column and caret from the script. Code deep in the binder knows spans only; its entry point knows the text. */
  locate(text: string): this {
    if (this.position === undefined || this.caret !== undefined) return this
    const place = placeOf(text, this.position - 1)
    this.line = place.line
    this.column = place.column
    this.caret = place.caret
    return this
  }

  /** The same error as the first of several of its script. */
  withOthers(others: readonly SqlError[], text: string): SqlError {
    const at = this.position === undefined ? undefined : this.position - 1
    return new SqlError(this.code, this.message, { detail: this.detail, hint: this.hint, at, text }, others)
  }
}
