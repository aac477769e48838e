/**
 * A failed parse → PostgreSQL's message, what could have stood there, and a guess at the misspelled keyword. What could
 * have stood there is found by trying: the tokens before the failure are parsed again with each kind of token after them.
 */
import { Code } from '../diag/codes.js'
import { SqlError } from '../diag/error.js'
import { suggest } from '../diag/suggest.js'
import type { IRecognitionException, IToken, TokenType } from './chevrotain.js'
import { endOf } from './lex.js'
import * as t from './tokens.js'

/** Longer statements get their message without the list: each trial parses all that stands before the failure. */
const TRIAL_TOKENS_MAX = 400
const EXPECTED_SHOWN_MAX = 8
const NEAR_LENGTH_MAX = 40

const SYMBOLS = [
  t.LeftParen,
  t.RightParen,
  t.Comma,
  t.Dot,
  t.Equal,
  t.Arithmetic,
  t.StringLiteral,
  t.NumberLiteral,
  t.Word,
]
const CANDIDATES: readonly TokenType[] = [...SYMBOLS, ...t.keywords.values(), t.FilterHead, t.WithinHead]
/** Keywords that continue any expression, and those that begin one: they are summed up as one word each. */
const OPERATOR_WORDS = new Set(
  ['and', 'or', 'is', 'isnull', 'notnull', 'in', 'like', 'ilike', 'similar', 'between', 'not', 'at'].map((word) =>
    word.toUpperCase(),
  ),
)
const [AND, OR] = [t.kw('and'), t.kw('or')]
const isUnreserved = (type: TokenType) => type.CATEGORIES?.[0] === t.Identifier

/** Whether these tokens parse so far that the last one was taken. */
export type Trial = (tokens: IToken[]) => boolean

export function syntaxError(failure: IRecognitionException, tokens: readonly IToken[], accepts: Trial): SqlError {
  const found = tokens.indexOf(failure.token)
  const index = found === -1 ? tokens.length : found
  const token = tokens[index]
  const at = token?.startOffset ?? endOf(tokens.at(-1)!)
  const message = token === undefined ? 'syntax error at end of input' : `syntax error at or near "${near(token)}"`
  if (index > TRIAL_TOKENS_MAX) return new SqlError(Code.SyntaxError, message, { at })

  const expected = expectedAt(tokens, index, accepts)
  return new SqlError(Code.SyntaxError, message, {
    at,
    detail: describe(expected),
    hint: misspelling(tokens, index, expected, accepts) ?? reservedName(token, expected),
  })
}

function near(token: IToken): string {
  return token.image.length > NEAR_LENGTH_MAX ? `${token.image.slice(0, NEAR_LENGTH_MAX)}...` : token.image
}

function expectedAt(tokens: readonly IToken[], index: number, accepts: Trial): TokenType[] {
  const before = tokens.slice(0, index)
  return CANDIDATES.filter((type) => accepts([...before, madeUp(type)]))
}

function madeUp(type: TokenType): IToken {
  return { image: 'x', startOffset: 0, tokenType: type, tokenTypeIdx: type.tokenTypeIdx as number }
}

/** A short list for a person: `an expression`, `an operator` and `a name` stand for many tokens. */
function describe(expected: readonly TokenType[]): string | undefined {
  const has = (type: TokenType) => expected.includes(type)
  const value = has(t.NumberLiteral) && has(t.StringLiteral) && has(t.Word)
  const operator = has(t.Arithmetic) && !value
  const anyOperator = operator && has(AND) && has(OR)
  const keywords = expected
    .filter((type) => !SYMBOLS.includes(type))
    .filter((type) => !(has(t.Word) && isUnreserved(type)))
    .map((type) => type.LABEL as string)
    .filter((name) => !(anyOperator && OPERATOR_WORDS.has(name)))
    .filter((name) => !(operator && name === 'COLLATE'))
    .filter((name) => !(value && VALUE_WORDS.has(name)))
  const words: string[] = []
  if (value) words.push('an expression')
  else if (has(t.Word)) words.push('a name')
  if (!value && has(t.StringLiteral)) words.push('a string')
  if (!value && has(t.NumberLiteral)) words.push('a number')
  for (const type of [t.Comma, t.RightParen]) if (has(type)) words.push(type.LABEL as string)
  if (!value && !operator && has(t.LeftParen)) words.push(t.LeftParen.LABEL as string)
  if (!operator && has(t.Equal)) words.push(t.Equal.LABEL as string)
  words.push(...keywords.sort((a, b) => rank(a) - rank(b)))
  if (operator) words.push('an operator')
  if (words.length === 0) return 'Expected the end of the statement.'
  const shown = words.length > EXPECTED_SHOWN_MAX ? [...words.slice(0, EXPECTED_SHOWN_MAX), '…'] : words
  return `Expected ${shown.length === 1 ? '' : 'one of: '}${shown.join(', ')}.`
}

const VALUE_WORDS = new Set(
  [
    'case',
    'cast',
    'current_date',
    'current_time',
    'current_timestamp',
    'default',
    'exists',
    'false',
    'left',
    'localtime',
  ]
    .concat('localtimestamp', 'not', 'null', 'right', 'true')
    .map((word) => word.toUpperCase()),
)

/** The clauses that people mean most often stand first. */
const COMMON =
  'SELECT INSERT UPDATE DELETE CREATE DROP FROM WHERE GROUP HAVING ORDER LIMIT JOIN ON USING AS WITH'.split(' ')

function rank(name: string): number {
  const at = COMMON.indexOf(name)
  return at === -1 ? COMMON.length : at
}

/**
 * The word at the failure, or one just before it that was taken for a name (`FROM t WEHRE x`), may be a keyword with a
 * slip. A guess is offered only if the statement then parses further.
 */
function misspelling(
  tokens: readonly IToken[],
  index: number,
  expected: readonly TokenType[],
  accepts: Trial,
): string | undefined {
  for (const at of index < tokens.length ? [index, index - 1, index - 2] : []) {
    const token = tokens[at]
    if (token === undefined || !/^[A-Za-z_]{2,}$/.test(token.image)) continue
    if (t.keywords.has(token.image.toLowerCase())) continue
    const before = tokens.slice(0, at)
    const possible = at === index ? expected : CANDIDATES.filter((type) => accepts([...before, madeUp(type)]))
    const words = possible.filter((type) => !SYMBOLS.includes(type))
    const word = suggest(
      token.image,
      words.map((type) => type.LABEL as string),
    )
    const keyword = words.find((type) => type.LABEL === word)
    if (keyword === undefined) continue
    // An unreserved word fits anywhere a name does; that alone does not make it what was meant.
    const rest = tokens.slice(at + 1, index + 1)
    if (at < index && !accepts([...before, madeUp(keyword), ...rest])) continue
    return `Did you mean "${word}"?`
  }
  return undefined
}

/** Where one of these is wrong, what should stand before it is missing; nobody means a column called "from". */
const CLAUSES = new Set(
  ['and', 'as', 'end', 'from', 'in', 'is', 'like', 'not', 'on', 'or', 'select', 'then', 'where'].map(t.kw),
)

function reservedName(token: IToken | undefined, expected: readonly TokenType[]): string | undefined {
  if (token === undefined || !expected.includes(t.Word) || CLAUSES.has(token.tokenType)) return undefined
  if (t.keywords.get(token.image.toLowerCase()) !== token.tokenType || isUnreserved(token.tokenType)) return undefined
  // Where a clause could follow as well, a name is not what is missing.
  const isClause = (type: TokenType) => !SYMBOLS.includes(type) && !isUnreserved(type) && !VALUE_WORDS.has(type.name)
  if (expected.some(isClause)) return undefined
  return `"${token.image}" is a reserved word; as a name it is written in double quotes.`
}
