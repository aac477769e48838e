/** The one error class of the public API. SQL text, the engine and the API itself all end here. */
import { Code, SqlError } from '../../sql/index.js'

export interface ErrorParts {
  readonly detail?: string | undefined
  readonly hint?: string | undefined
  readonly position?: number | undefined
  readonly line?: number | undefined
  readonly column?: number | undefined
  readonly caret?: string | undefined
  readonly where?: string | undefined
  readonly cause?: unknown
}

/** What went wrong, as PostgreSQL tells it. `code` is the SQLSTATE. */
export class MillraceError extends Error {
  override readonly name = 'MillraceError'
  readonly code: string
  readonly detail: string | undefined
  readonly hint: string | undefined
  /** Where in the statement's text, from 1, in UTF-16 units. */
  readonly position: number | undefined
  readonly line: number | undefined
  readonly column: number | undefined
  /** The line with a caret under the position, ready to print. */
  readonly caret: string | undefined
  /** Where in the data that the statement reads: `COPY t, line 3, column a: "x"`. */
  readonly where: string | undefined

  constructor(code: string, message: string, parts: ErrorParts = {}) {
    super(message, parts.cause === undefined ? undefined : { cause: parts.cause })
    this.code = code
    this.detail = parts.detail
    this.hint = parts.hint
    this.position = parts.position
    this.line = parts.line
    this.column = parts.column
    this.caret = parts.caret
    this.where = parts.where
  }
}

/** An error as the binding hands it over. */
export interface NativeError {
  readonly code: string
  readonly message: string
  readonly detail?: string | null
  readonly hint?: string | null
}

export function fromNative(error: NativeError): MillraceError {
  return new MillraceError(error.code, error.message, {
    detail: error.detail ?? undefined,
    hint: error.hint ?? undefined,
  })
}

/** Whatever was thrown, as the one class. What is none of the known errors is a fault of ours: XX000 with its cause. */
export function toMillraceError(error: unknown): MillraceError {
  if (error instanceof MillraceError) return error
  if (error instanceof SqlError) {
    const { detail, hint, position, line, column, caret } = error
    return new MillraceError(error.code, error.message, { detail, hint, position, line, column, caret })
  }
  const message = error instanceof Error ? error.message : String(error)
  return new MillraceError(Code.InternalError, message, { cause: error })
}

export function canceled(cause: unknown, message = 'canceling statement due to user request'): MillraceError {
  return new MillraceError(Code.QueryCanceled, message, { cause })
}

export function closed(what: string): MillraceError {
  return new MillraceError(Code.AdminShutdown, `the ${what} is closed`)
}
