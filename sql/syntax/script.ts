/**
 * A script's text → its statements' trees: the way in to this folder. Each statement is parsed by itself, so a script with
 * several mistakes has them all reported at once.
 */
import { Code } from '../diag/codes.js'
import { SqlError } from '../diag/error.js'
import type { IToken } from './chevrotain.js'
import { checkDepth } from './depth.js'
import { endOf, lex } from './lex.js'
import { ERRORS_MAX } from './limits.js'
import { run } from './parser.js'
import { type Piece, split } from './split.js'
import { syntaxError } from './syntax-error.js'
import type { Span, Statement } from './tree.js'

export { isComplete } from './split.js'

export interface ParsedStatement {
  readonly tree: Statement
  /** From the first token to the last, without the semicolon. */
  readonly span: Span
  readonly text: string
}

export interface ParsedScript {
  readonly statements: readonly ParsedStatement[]
}

/** Spans and positions count from the start of `text`. Throws the first error; the further ones are its `others`. */
export function parseScript(text: string): ParsedScript {
  const statements: ParsedStatement[] = []
  const errors: SqlError[] = []
  for (const piece of split(text)) {
    try {
      const statement = piece.blank && piece.open === undefined ? undefined : parsePiece(text, piece)
      if (statement !== undefined) statements.push(statement)
    } catch (error) {
      if (!(error instanceof SqlError)) throw error
      errors.push(error)
      if (errors.length === ERRORS_MAX) break
    }
  }
  const [first, ...others] = errors
  if (first !== undefined)
    throw first.withOthers(
      others.map((error) => error.locate(text)),
      text,
    )
  return { statements }
}

function parsePiece(text: string, piece: Piece): ParsedStatement | undefined {
  if (piece.open !== undefined) {
    const { what, start } = piece.open
    const near = text.slice(start, Math.min(piece.end, start + 40)).split('\n')[0]
    throw new SqlError(Code.SyntaxError, `unterminated ${what} at or near "${near}"`, { at: start })
  }
  const lexed = lex(text.slice(piece.start, piece.end), piece.start)
  const { tokens } = lexed
  const [first, last] = [tokens[0], tokens.at(-1)]
  if (first === undefined || last === undefined) return undefined
  const tree = parseTokens(lexed)
  const span = { start: first.startOffset, end: endOf(last) }
  return { tree, span, text: text.slice(span.start, span.end) }
}

function parseTokens(lexed: { tokens: IToken[]; partner: Int32Array }): Statement {
  try {
    const outcome = run(lexed)
    if ('failure' in outcome) {
      const { tokens, partner } = lexed
      throw syntaxError(outcome.failure, tokens, (prefix) => takesAll(prefix, partner))
    }
    checkDepth(outcome.tree, lexed.tokens.length)
    return outcome.tree
  } catch (error) {
    // The nesting limit leaves room on a usual stack; a caller deep in its own recursion has less.
    if (error instanceof RangeError) {
      throw new SqlError(Code.StatementTooComplex, 'stack depth limit exceeded', { at: lexed.tokens[0]?.startOffset })
    }
    throw error
  }
}

function takesAll(tokens: IToken[], partner: Int32Array): boolean {
  try {
    const outcome = run({ tokens, partner })
    return !('failure' in outcome) || !tokens.includes(outcome.failure.token)
  } catch (error) {
    // A refusal of what was understood: then the tokens were.
    if (error instanceof SqlError) return true
    throw error
  }
}
