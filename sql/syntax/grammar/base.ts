/** What every family of rules stands on: names, spans, and the questions that look further ahead than one token. */
import {
  EmbeddedActionsParser,
  type IToken,
  NoViableAltException,
  type TokenType,
  tokenMatcher,
} from '../chevrotain.js'
import { endOf, type Lexed, nameOf } from '../lex.js'
import { OneToken } from '../lookahead.js'
import { Comma, Dot, Identifier, kw, Label, LeftParen, RightParen, vocabulary } from '../tokens.js'
import type { Ident, Name, Span } from '../tree.js'

const QUERY_STARTS = new Set([kw('select'), kw('with'), kw('values'), kw('from')])
const WITH = kw('with')
const WRITES = new Set(['insert', 'update', 'delete', 'merge'].map(kw))
const AFTER_QUERY = new Set(
  ['union', 'intersect', 'except', 'order', 'limit', 'offset', 'fetch'].map(kw).concat(RightParen),
)

/** The rules decide by one token; where that is not enough, a GATE asks one of the questions below. */
export abstract class BaseGrammar extends EmbeddedActionsParser {
  private partner: Int32Array = new Int32Array(0)
  /** Chevrotain's index of the last token taken, and how it keeps an error; its types leave both out. */
  declare protected readonly exportLexerState: () => number
  declare protected readonly SAVE_ERROR: (error: Error) => Error

  constructor(validate: boolean) {
    super(vocabulary, {
      recoveryEnabled: false,
      maxLookahead: 1,
      lookaheadStrategy: new OneToken(),
      skipValidations: !validate,
      errorMessageProvider,
    })
  }

  /** The library's own gathers all that each alternative could begin with, for a message that nobody reads. */
  protected raiseNoAltException(): never {
    throw this.SAVE_ERROR(new NoViableAltException('alternative', this.LA(1), this.LA(0)))
  }

  load(lexed: Lexed): void {
    this.input = lexed.tokens
    this.partner = lexed.partner
  }

  readonly ident = this.RULE('ident', (): Ident => toIdent(this.CONSUME(Identifier)))

  readonly label = this.RULE('label', (): Ident => toIdent(this.CONSUME(Label)))

  readonly name = this.RULE('name', (): Name => {
    const start = this.mark()
    const parts = [this.SUBRULE(this.ident)]
    this.MANY(() => {
      this.CONSUME(Dot)
      parts.push(this.SUBRULE(this.label))
    })
    return { kind: 'name', parts, span: this.since(start) }
  })

  /** `(a, b, c)` */
  readonly identList = this.RULE('identList', (): Ident[] => {
    const list: Ident[] = []
    this.CONSUME(LeftParen)
    this.AT_LEAST_ONE_SEP({ SEP: Comma, DEF: () => list.push(this.SUBRULE(this.ident)) })
    this.CONSUME(RightParen)
    return list
  })

  readonly ifExists = this.RULE('ifExists', (): boolean => {
    let said = false
    this.OPTION({
      GATE: () => this.LA(2).tokenType === EXISTS,
      DEF: () => {
        this.CONSUME(IF)
        this.CONSUME(EXISTS)
        said = true
      },
    })
    return said
  })

  readonly ifNotExists = this.RULE('ifNotExists', (): boolean => {
    let said = false
    this.OPTION({
      GATE: () => this.LA(2).tokenType === NOT,
      DEF: () => {
        this.CONSUME(IF)
        this.CONSUME(NOT)
        this.CONSUME(EXISTS)
        said = true
      },
    })
    return said
  })

  /** Where the next token begins. */
  protected mark(): number {
    return this.LA(1).startOffset
  }

  /** From there to the end of the last token taken. */
  protected since(start: number): Span {
    return { start, end: endOf(this.LA(0)) }
  }

  protected nextIs(type: TokenType, ahead = 1): boolean {
    return this.LA(ahead).tokenType === type
  }

  protected nextMatches(type: TokenType, ahead = 1): boolean {
    return tokenMatcher(this.LA(ahead), type)
  }

  /** `AS OF EPOCH` and `AS OF TIMESTAMP`; "of" alone may be an alias. */
  protected asOfAhead(): boolean {
    return this.nextIs(AS) && this.nextIs(OF, 2) && (this.nextIs(EPOCH, 3) || this.nextIs(TIMESTAMP, 3))
  }

  /** Whether the "(" ahead opens a query, and not an expression or a join that begins with a query in parentheses. */
  protected queryInParens(ahead = 1): boolean {
    return this.opensQuery(this.exportLexerState() + ahead)
  }

  /** Whether a WITH ahead belongs to INSERT, UPDATE, DELETE or MERGE, and not to a query. */
  protected writeAfterWith(): boolean {
    const tokens = this.input
    const first = this.exportLexerState() + 1
    if (tokens[first]?.tokenType !== WITH) return false
    for (let i = first; i < tokens.length; i++) {
      if (tokens[i]!.tokenType !== LeftParen) continue
      const end = this.partner[i]
      if (end === undefined || end <= i) return false
      i = end
      const after = tokens[i + 1]?.tokenType
      if (after !== undefined && WRITES.has(after)) return true
      if (after !== undefined && QUERY_STARTS.has(after) && after !== LeftParen) return false
    }
    return false
  }

  private opensQuery(index: number): boolean {
    const tokens = this.input
    // Down to the innermost "(" of the row, then outwards: each must be followed by what can follow a query.
    let last = index
    while (tokens[last + 1]?.tokenType === LeftParen) last += 1
    const first = tokens[last + 1]?.tokenType
    if (tokens[index]?.tokenType !== LeftParen || first === undefined || !QUERY_STARTS.has(first)) return false
    for (let i = last; i > index; i -= 1) {
      const after = tokens[this.partner[i]! + 1]?.tokenType
      if (this.partner[i] !== 0 && (after === undefined || !AFTER_QUERY.has(after))) return false
    }
    return true
  }
}

const [AS, EPOCH, EXISTS, IF, NOT, OF, TIMESTAMP] = [
  kw('as'),
  kw('epoch'),
  kw('exists'),
  kw('if'),
  kw('not'),
  kw('of'),
  kw('timestamp'),
]

export function toIdent(token: IToken): Ident {
  return { kind: 'ident', name: nameOf(token), span: spanOf(token) }
}

export function spanOf(token: IToken): Span {
  return { start: token.startOffset, end: endOf(token) }
}

/** Messages are made once, from the token that failed (`syntax-error.ts`); the parser's own would be thrown away. */
const errorMessageProvider = {
  buildMismatchTokenMessage: () => 'mismatch',
  buildNotAllInputParsedMessage: () => 'rest',
  buildNoViableAltMessage: () => 'alternative',
  buildEarlyExitMessage: () => 'exit',
}
