/**
 * One statement's text → tokens that the grammar can read: words become keywords where they are some, offsets count from
 * the start of the script, parentheses know their partners, and nesting is checked before the parser descends into it.
 */
import { Code } from '../diag/codes.js'
import { SqlError } from '../diag/error.js'
import { EOF, type IToken, type TokenType } from './chevrotain.js'
import { NESTING_MAX, STATEMENT_LENGTH_MAX } from './limits.js'
import * as t from './tokens.js'

const lexer = t.createLexer(false)
const [CASE, END, TIME, WITH, ZONE] = [t.kw('case'), t.kw('end'), t.kw('time'), t.kw('with'), t.kw('zone')]
const [GROUP, WITHOUT] = [t.kw('group'), t.kw('without')]
const QUERY_STARTS = new Set(['select', 'with', 'values', 'from'].map(t.kw))

/** `partner[i]` is the index of the ")" that closes the "(" at i; 0 elsewhere. */
export interface Lexed {
  readonly tokens: IToken[]
  readonly partner: Int32Array
}

/** `base` is where `statement` begins in the script. */
export function lex(statement: string, base: number): Lexed {
  if (statement.length > STATEMENT_LENGTH_MAX) {
    throw new SqlError(Code.StatementTooComplex, 'statement is too long', {
      at: base,
      detail: `It has ${statement.length} characters; a statement can have ${STATEMENT_LENGTH_MAX}.`,
      hint: 'Split it into several statements, or load the rows with an appender.',
    })
  }
  const { tokens, errors } = lexer.tokenize(statement)
  const failure = errors[0]
  if (failure !== undefined) throw unknownCharacter(statement, failure.offset, base)

  foldOperators(tokens)
  const partner = new Int32Array(tokens.length)
  classify(tokens, base)
  checkNesting(tokens, partner)
  return { tokens, partner }
}

export function endOf(token: IToken): number {
  return token.startOffset + token.image.length
}

function retype(token: IToken, type: TokenType): void {
  token.tokenType = type
  // The lexer's own field: the number by which the parser compares.
  token.tokenTypeIdx = type.tokenTypeIdx as number
}

/** `OPERATOR(pg_catalog.~)` is the operator itself: there are no others. */
function foldOperators(tokens: IToken[]): void {
  for (let i = 0; i < tokens.length; i += 1) {
    const token = tokens[i]!
    if (token.tokenType !== t.Word || token.image.toLowerCase() !== 'operator') continue
    const [open, schema, dot] = [tokens[i + 1], tokens[i + 2], tokens[i + 3]]
    if (open?.tokenType !== t.LeftParen) continue
    const qualified = dot?.tokenType === t.Dot && schema?.image.toLowerCase() === 'pg_catalog'
    const at = i + (qualified ? 4 : 2)
    const operator = tokens[at]
    if (operator === undefined || tokens[at + 1]?.tokenType !== t.RightParen || !isOperator(operator.tokenType))
      continue
    tokens.splice(i, at + 2 - i, operator)
  }
}

function isOperator(type: TokenType): boolean {
  return type.CATEGORIES?.some((category) => category === t.Comparison || category === t.Arithmetic) ?? false
}

/** Backwards, since what a word is can depend on what follows it. */
function classify(tokens: IToken[], base: number): void {
  let next: TokenType = EOF
  for (let i = tokens.length - 1; i >= 0; i -= 1) {
    const token = tokens[i]!
    token.startOffset += base
    if (token.tokenType === t.Word) {
      const word = token.image.toLowerCase()
      const type = t.keywords.get(word)
      if (type !== undefined) retype(token, type)
      const special = headOf(word, type, tokens, i, next)
      if (special !== undefined) retype(token, special)
    } else if (token.tokenType === t.NumberLiteral) {
      const after = tokens[i + 1]
      if (after !== undefined && after.startOffset === endOf(token) && /^[A-Za-z_\u0080-\uffff]/.test(after.image)) {
        throw new SqlError(
          Code.SyntaxError,
          `trailing junk after numeric literal at or near "${token.image}${after.image}"`,
          {
            at: token.startOffset,
          },
        )
      }
    } else if (token.image === '""') {
      throw new SqlError(Code.SyntaxError, 'zero-length delimited identifier at or near """"', {
        at: token.startOffset,
      })
    }
    next = token.tokenType
  }
}

function headOf(
  word: string,
  type: TokenType | undefined,
  tokens: IToken[],
  i: number,
  next: TokenType,
): TokenType | undefined {
  if (next === t.LeftParen) {
    const inside = tokens[i + 2]?.tokenType
    return word === 'array' && inside !== undefined && QUERY_STARTS.has(inside) ? t.ArrayHead : t.callHeads.get(word)
  }
  if (isString(next)) {
    if (word === 'timestamp' && namesPlace(tokens, i)) return undefined
    // Keywords that stand before a string in their own right: ESCAPE 'x', ZONE 'utc', BY 'x', TO 'x'.
    return type === undefined || word.startsWith('time') ? t.TypedLiteralHead : undefined
  }
  if (next === t.LeftBracket) return word === 'array' ? t.ArrayHead : undefined
  if (next === TIME) return word === 'at' ? t.AtHead : undefined
  if (next === GROUP) return word === 'within' && tokens[i + 2]?.tokenType === t.LeftParen ? t.WithinHead : undefined
  const withZone = (next === WITH || next === WITHOUT) && (word === 'timestamp' || word === 'time')
  if (withZone && tokens[i + 2]?.tokenType === TIME && tokens[i + 3]?.tokenType === ZONE) {
    const value = tokens[i + 4]
    return value !== undefined && isString(value.tokenType) ? t.TypedLiteralHead : undefined
  }
  return undefined
}

/** `AS OF TIMESTAMP '…'` and `SEEK TO TIMESTAMP '…'`: the word says what is meant; the text is a TIMESTAMPTZ. */
function namesPlace(tokens: readonly IToken[], i: number): boolean {
  const before = `${tokens[i - 2]?.image} ${tokens[i - 1]?.image}`.toLowerCase()
  return before === 'as of' || before === 'seek to'
}

function isString(type: TokenType): boolean {
  return type.CATEGORIES?.[0] === t.StringLiteral
}

function checkNesting(tokens: IToken[], partner: Int32Array): void {
  const open: number[] = []
  let depth = 0
  for (let i = 0; i < tokens.length; i += 1) {
    const type = tokens[i]!.tokenType
    if (type === t.LeftParen || type === t.LeftBracket || type === CASE) {
      open.push(i)
      depth += weightOf(tokens, i)
      if (depth > NESTING_MAX) {
        throw new SqlError(Code.StatementTooComplex, 'statement is nested too deeply', {
          at: tokens[i]!.startOffset,
          detail: `Parentheses and CASE expressions can be inside each other ${NESTING_MAX} times, subqueries half as often.`,
        })
      }
    } else if (type === t.RightParen || type === t.RightBracket || type === END) {
      const opener = open.pop()
      if (opener === undefined) continue
      depth -= weightOf(tokens, opener)
      if (type === t.RightParen) partner[opener] = i
    }
  }
}

/** A subquery takes twice the stack of an expression. */
function weightOf(tokens: readonly IToken[], opener: number): number {
  const next = tokens[opener + 1]?.tokenType
  return next !== undefined && QUERY_STARTS.has(next) ? 2 : 1
}

function unknownCharacter(statement: string, offset: number, base: number): SqlError {
  const character = String.fromCodePoint(statement.codePointAt(offset) ?? 0)
  const parts = { at: base + offset }
  return new SqlError(Code.SyntaxError, `syntax error at or near "${character}"`, {
    ...parts,
    ...(character === '`' ? { hint: 'Names are quoted with double quotes ("name"), not with backquotes.' } : {}),
  })
}

/** The name that an identifier or label token stands for. */
export function nameOf(token: IToken): string {
  const image = token.image
  return image.startsWith('"') ? image.slice(1, -1).replaceAll('""', '"') : image.toLowerCase()
}

/** The text that a string token stands for. */
export function stringOf(token: IToken): string {
  const image = token.image
  const first = image[0]
  if (first === "'") return image.slice(1, -1).replaceAll("''", "'")
  if (first === '$') {
    const tag = t.dollarTag(image, 0)?.length ?? 0
    return image.slice(tag, image.length - tag)
  }
  return decodeEscapes(image.slice(2, -1), token.startOffset)
}

const ESCAPED: Readonly<Record<string, string>> = { b: '\b', f: '\f', n: '\n', r: '\r', t: '\t' }

function decodeEscapes(body: string, at: number): string {
  return body.replace(
    /''|\\(?:u([0-9A-Fa-f]{4})|U([0-9A-Fa-f]{8})|x([0-9A-Fa-f]{1,2})|([0-7]{1,3})|([\s\S]))/g,
    (match, ...groups) => {
      if (match === "''") return "'"
      const [u4, u8, hex, octal, other] = groups as (string | undefined)[]
      if (other !== undefined) {
        if (other === 'u' || other === 'U') throw new SqlError(Code.SyntaxError, 'invalid Unicode escape', { at })
        return ESCAPED[other] ?? other
      }
      const code = octal === undefined ? Number.parseInt((u4 ?? u8 ?? hex)!, 16) : Number.parseInt(octal, 8)
      if (code === 0 || code > 0x10ffff) throw new SqlError(Code.SyntaxError, 'invalid escape in string', { at })
      return String.fromCodePoint(code)
    },
  )
}
