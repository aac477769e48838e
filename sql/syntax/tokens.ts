/**
 * The vocabulary: every kind of token, and the lexer for one statement's text. Words are lexed by one pattern and looked
 * up in a table (`lex.ts`), which costs one hash instead of a pattern for each keyword.
 */
import { Lexer, type TokenType } from './chevrotain.js'

interface TokenParts {
  readonly name: string
  /** How an error message calls it. */
  readonly label?: string
  /** None: `lex.ts` makes such tokens of others. */
  readonly pattern?: TokenType['PATTERN']
  readonly categories?: TokenType[]
  /** The characters it can begin with, where the lexer cannot tell or takes long to. */
  readonly starts?: (string | number)[]
  readonly lineBreaks?: boolean
  readonly skipped?: boolean
}

/** The lexer and the parser number all types at once, which is faster than one by one with the library's function. */
function token(parts: TokenParts): TokenType {
  const { name, label = name, pattern = Lexer.NA, categories = [], starts, lineBreaks = false, skipped = false } = parts
  return {
    name,
    LABEL: label,
    PATTERN: pattern,
    CATEGORIES: categories,
    LINE_BREAKS: lineBreaks,
    ...(starts && { START_CHARS_HINT: starts }),
    ...(skipped && { GROUP: Lexer.SKIPPED }),
  }
}

/** Anything that may name a column after AS or a dot: every word, reserved or not. */
export const Label = token({ name: 'Label', label: 'a name' })
/** Anything that may be a name without quotes: words that are not reserved, and "quoted" ones. */
export const Identifier = token({ name: 'Identifier', label: 'a name', categories: [Label] })

// ---- what the lexer sees

const WhiteSpace = token({ name: 'WhiteSpace', pattern: /[ \t\r\n\f\v\u00a0\ufeff]+/, skipped: true })
const LineComment = token({ name: 'LineComment', pattern: /--[^\n]*/, skipped: true })
const BlockComment = token({
  name: 'BlockComment',
  pattern: { exec: (text: string, offset: number) => matchUpTo(text, offset, endOfBlockComment(text, offset)) },
  starts: ['/'],
  lineBreaks: true,
  skipped: true,
})

const LETTERS = '_abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ'
/** The lexer's index has an entry for each character below 256 and one for every 255 above. */
const BEYOND_ASCII = [
  ...Array.from({ length: 128 }, (_, i) => 128 + i),
  ...Array.from({ length: 256 }, (_, i) => 256 + 255 * i),
  0xffff,
]
export const Word = token({
  name: 'Word',
  label: 'a name',
  pattern: /[A-Za-z_\u0080-\uffff][A-Za-z0-9_$\u0080-\uffff]*/,
  starts: [...LETTERS, ...BEYOND_ASCII],
  categories: [Identifier],
})
export const QuotedIdentifier = token({
  name: 'QuotedIdentifier',
  label: 'a name',
  pattern: /"[^"]*(?:""[^"]*)*"/,
  lineBreaks: true,
  categories: [Identifier],
})

/** 'text', E'text' and $tag$text$tag$ alike; `lex.ts` tells them apart by how they begin. */
export const StringLiteral = token({ name: 'StringLiteral', label: 'a string' })
const PlainString = token({
  name: 'PlainString',
  label: 'a string',
  pattern: /'[^']*(?:''[^']*)*'/,
  lineBreaks: true,
  categories: [StringLiteral],
})
const EscapeString = token({
  name: 'EscapeString',
  label: 'a string',
  pattern: /[eE]'[^'\\]*(?:(?:\\[\s\S]|'')[^'\\]*)*'/,
  lineBreaks: true,
  starts: ['e', 'E'],
  categories: [StringLiteral],
})
const DollarString = token({
  name: 'DollarString',
  label: 'a string',
  pattern: { exec: (text: string, offset: number) => matchUpTo(text, offset, endOfDollarString(text, offset)) },
  starts: ['$'],
  lineBreaks: true,
  categories: [StringLiteral],
})
export const NumberLiteral = token({
  name: 'NumberLiteral',
  label: 'a number',
  pattern: /(?:\d+(?:_\d+)*(?:\.(?:\d+(?:_\d+)*)?)?|\.\d+(?:_\d+)*)(?:[eE][+-]?\d+)?/,
})
export const Parameter = token({ name: 'Parameter', label: 'a parameter', pattern: /\$\d+/ })

function symbol(name: string, pattern: string | RegExp, label: string): TokenType {
  return token({ name, pattern, label })
}
export const LeftParen = symbol('LeftParen', '(', '"("')
export const RightParen = symbol('RightParen', ')', '")"')
export const LeftBracket = symbol('LeftBracket', '[', '"["')
export const RightBracket = symbol('RightBracket', ']', '"]"')
export const Comma = symbol('Comma', ',', '","')
export const Dot = symbol('Dot', '.', '"."')
export const DoubleColon = symbol('DoubleColon', '::', '"::"')
export const Colon = symbol('Colon', ':', '":"')
export const Equal = symbol('Equal', '=', '"="')
export const Star = symbol('Star', '*', '"*"')
export const Plus = symbol('Plus', '+', '"+"')
export const Minus = symbol('Minus', '-', '"-"')

/** Comparisons: they do not associate, so one rule takes one of them. */
export const Comparison = token({ name: 'Comparison', label: 'an operator' })
const OtherComparison = token({
  name: 'OtherComparison',
  label: 'an operator',
  pattern: /<>|!=|<=|>=|<|>/,
  starts: ['<', '>', '!'],
  categories: [Comparison],
})
/** Binary operators of arithmetic and text; `fold.ts` knows how tightly each binds. */
export const Arithmetic = token({ name: 'Arithmetic', label: 'an operator' })
export const OtherArithmetic = token({
  name: 'OtherArithmetic',
  label: 'an operator',
  pattern: /\|\|\/|\|\/|\|\||\||!~\*|!~|~\*|~|\/|%|\^@|\^|->>|->|#>>|#>|#-|#|@>|@|<@|<<|>>|\?\||\?&|\?|&&|&/,
  starts: ['|', '!', '~', '/', '%', '^', '-', '#', '@', '<', '>', '?', '&'],
  categories: [Arithmetic],
})
Equal.CATEGORIES = [Comparison]
for (const type of [Star, Plus, Minus]) type.CATEGORIES = [Arithmetic]

// ---- words

const reserved =
  'all and any as asc between case cast check collate create cross current_date current_time current_timestamp default desc ' +
  'distinct else end except exists false fetch for from full group having ilike in inner intersect into is join lateral ' +
  'left like limit localtime localtimestamp natural not null offset on or order outer primary qualify references returning right ' +
  'select some table then to true union unique using values when where window with'
const unreserved =
  'abort add alter always analyze at backup begin beginning both btree by cascade checkpoint column commit committed conflict constraint consumer continue copy ' +
  'cube current data database deallocate delete describe discard do drop encode epoch escape exclude execute explain first flush following foreign format generated grouping groups hash if identity ' +
  'ignore increment index insert isnull isolation key last leading level matched materialized merge model models next no notnull nothing nulls of only ordinality reindex rename schema ' +
  'others over partition plans preceding precision prepare range read recursive release repeatable replace reset respect restart restrict rollback rollup row ' +
  'rows savepoint seek segments sequences serializable set sets show sink sinks snapshot source sources start stdin stdout stored stream streams subscribe symmetric ' +
  'asymmetric tables target temp temporary ties time timestamp timestamptz trailing transaction truncate type unbounded uncommitted unknown update vacuum verbose ' +
  'asof placing similar tablesample ' +
  'varying verify view views watermark without work write zone double character'

/** Every keyword of the language by its lower-case spelling. */
export const keywords: ReadonlyMap<string, TokenType> = new Map([
  ...reserved.split(' ').map((word) => [word, keyword(word, Label)] as const),
  ...unreserved.split(' ').map((word) => [word, keyword(word, Identifier)] as const),
])

function keyword(word: string, category: TokenType): TokenType {
  return token({ name: word.toUpperCase(), label: word.toUpperCase(), categories: [category] })
}

/** The keyword's token type; asking for a word that is none is a mistake in a grammar file, found on loading. */
export function kw(word: string): TokenType {
  const type = keywords.get(word)
  if (type === undefined) throw new Error(`"${word}" is not in the list of keywords`)
  return type
}

/**
 * Words that are special only before what makes them so, and plain names elsewhere: `extract(`, `array[`, `at time`.
 * So a column may be called "position" and the grammar needs no second look.
 */
function head(name: string): TokenType {
  return token({ name: `${name}Head`, label: name.toUpperCase(), categories: [Label] })
}
export const ExtractHead = head('extract')
export const SubstringHead = head('substring')
export const PositionHead = head('position')
export const OverlayHead = head('overlay')
export const TrimHead = head('trim')
export const RowHead = head('row')
export const TryCastHead = head('try_cast')
export const FilterHead = head('filter')
export const ArrayHead = head('array')
export const AtHead = head('at')
/** `WITHIN GROUP (`. */
export const WithinHead = head('within')
/** The first word of `DATE '2024-01-01'`, `INTERVAL '1 day'`, `my_type 'text'`. */
export const TypedLiteralHead = token({ name: 'TypedLiteralHead', label: 'a value', categories: [Label] })

/** The heads that a "(" makes. */
export const callHeads: ReadonlyMap<string, TokenType> = new Map([
  ['extract', ExtractHead],
  ['substring', SubstringHead],
  ['position', PositionHead],
  ['overlay', OverlayHead],
  ['trim', TrimHead],
  ['row', RowHead],
  ['try_cast', TryCastHead],
  ['filter', FilterHead],
  ['array', ArrayHead],
])

/** Order matters: the first that matches wins, so longer symbols stand before their beginnings. */
const lexed: TokenType[] = [
  WhiteSpace,
  LineComment,
  BlockComment,
  EscapeString,
  Word,
  NumberLiteral,
  PlainString,
  QuotedIdentifier,
  DollarString,
  Parameter,
  LeftParen,
  RightParen,
  LeftBracket,
  RightBracket,
  Comma,
  Dot,
  DoubleColon,
  Colon,
  OtherArithmetic,
  OtherComparison,
  Equal,
  Star,
  Plus,
  Minus,
]

export const vocabulary: TokenType[] = [
  Label,
  Identifier,
  StringLiteral,
  Comparison,
  Arithmetic,
  ...lexed,
  ...keywords.values(),
  ...callHeads.values(),
  AtHead,
  WithinHead,
  TypedLiteralHead,
]

/** `validate` has the lexer check its own definition, which costs more than lexing: a test does it. */
export function createLexer(validate: boolean) {
  return new Lexer(lexed, {
    positionTracking: 'onlyOffset',
    ensureOptimizations: true,
    skipValidations: !validate,
    recoveryEnabled: false,
  })
}

// ---- the two lexical forms that no regular expression describes; the script splitter uses them as well

/** Where the comment that begins at `offset` ends, or -1 if nowhere or if none begins. Comments nest. */
export function endOfBlockComment(text: string, offset: number): number {
  if (!text.startsWith('/*', offset)) return -1
  let depth = 1
  let i = offset + 2
  for (; i < text.length && depth > 0; i += 1) {
    const unit = text.charCodeAt(i)
    if (unit === 0x2a && text.charCodeAt(i + 1) === 0x2f) {
      depth -= 1
      i += 1
    } else if (unit === 0x2f && text.charCodeAt(i + 1) === 0x2a) {
      depth += 1
      i += 1
    }
  }
  return depth === 0 ? i : -1
}

const DOLLAR_TAG = /\$(?:[A-Za-z_\u0080-\uffff][A-Za-z0-9_\u0080-\uffff]*)?\$/y

/** The opening `$tag$` at `offset`, if there is one. */
export function dollarTag(text: string, offset: number): string | undefined {
  DOLLAR_TAG.lastIndex = offset
  return DOLLAR_TAG.exec(text)?.[0]
}

function endOfDollarString(text: string, offset: number): number {
  const tag = dollarTag(text, offset)
  if (tag === undefined) return -1
  const close = text.indexOf(tag, offset + tag.length)
  return close === -1 ? -1 : close + tag.length
}

function matchUpTo(text: string, offset: number, end: number): RegExpExecArray | null {
  return end === -1 ? null : ([text.slice(offset, end)] as unknown as RegExpExecArray)
}
