/** The binder's errors: thrown with a code by name and the span at fault; the entry point adds the text for the caret. */
import { Code, type CodeName } from '../diag/codes.js'
import { SqlError } from '../diag/error.js'
import type { Span } from '../syntax/tree.js'

export interface FailParts {
  readonly detail?: string | undefined
  readonly hint?: string | undefined
}

export function fail(code: CodeName, message: string, at?: Span, parts: FailParts = {}): never {
  throw new SqlError(Code[code], message, { ...parts, at })
}

export function unsupported(message: string, at?: Span, hint?: string): never {
  return fail('FeatureNotSupported', message, at, { hint })
}

export function perhaps(name: string | undefined, what: string): string | undefined {
  return name === undefined ? undefined : `Perhaps you meant the ${what} "${name}".`
}
