/**
 * Expressions, a rule for each level of PostgreSQL's precedence that cannot be folded from a flat row:
 * OR AND NOT → IS → comparison → BETWEEN IN LIKE → arithmetic → sign, cast, AT TIME ZONE → primary.
 */
import { Code } from '../../diag/codes.js'
import { SqlError } from '../../diag/error.js'
import type { IToken, ParserMethod } from '../chevrotain.js'
import { binary, fold, type OperatorToken } from '../fold.js'
import { stringOf } from '../lex.js'
import * as t from '../tokens.js'
import type {
  Between,
  BinaryOperator,
  Expr,
  InList,
  InQuery,
  IsDistinct,
  IsTest,
  Like,
  Name,
  Quantified,
  QuantifiedArray,
  Query,
  Unary,
} from '../tree.js'
import { spanOf, toIdent } from './base.js'
import { TypesGrammar } from './types.js'

const COLLATE = t.kw('collate')
const [AND, BETWEEN, DISTINCT, ESCAPE, FALSE, FROM, ILIKE, IN, IS, ISNULL, LIKE, NOT, NOTNULL, NULL, OR, TIME, TRUE] = [
  t.kw('and'),
  t.kw('between'),
  t.kw('distinct'),
  t.kw('escape'),
  t.kw('false'),
  t.kw('from'),
  t.kw('ilike'),
  t.kw('in'),
  t.kw('is'),
  t.kw('isnull'),
  t.kw('like'),
  t.kw('not'),
  t.kw('notnull'),
  t.kw('null'),
  t.kw('or'),
  t.kw('time'),
  t.kw('true'),
]
const [ALL, ANY, SOME] = [t.kw('all'), t.kw('any'), t.kw('some')]
const [SIMILAR, TO] = [t.kw('similar'), t.kw('to')]
const [ASYMMETRIC, SYMMETRIC, UNKNOWN, ZONE] = [t.kw('asymmetric'), t.kw('symmetric'), t.kw('unknown'), t.kw('zone')]
const NEGATABLE = new Set([BETWEEN, IN, LIKE, ILIKE, SIMILAR])
/** Operators before their operand: not, the bits' complement, absolute value and roots. */
const PREFIXES: ReadonlySet<string> = new Set(['-', '+', '~', '@', '|/', '||/'])
const ONLY_PREFIXES: ReadonlySet<string> = new Set(['@', '|/', '||/'])

function unexpected(token: IToken): SqlError {
  return new SqlError(Code.SyntaxError, `syntax error at or near "${token.image}"`, { at: token.startOffset })
}

export abstract class ExpressionGrammar extends TypesGrammar {
  abstract readonly query: ParserMethod<[], Query>
  abstract readonly primary: ParserMethod<[], Expr>

  /** NOT binds tighter than AND, so each operand takes the NOTs before it. */
  readonly expression: ParserMethod<[], Expr> = this.RULE('expression', (): Expr => {
    const operands: Expr[] = []
    const operators: OperatorToken[] = []
    operands.push(this.SUBRULE(this.negation))
    this.MANY(() => {
      operators.push(
        this.OR<OperatorToken>([
          { ALT: () => ({ operator: 'and', span: spanOf(this.CONSUME(AND)) }) },
          { ALT: () => ({ operator: 'or', span: spanOf(this.CONSUME(OR)) }) },
        ]),
      )
      operands.push(this.SUBRULE1(this.negation))
    })
    return operators.length === 0 ? operands[0]! : this.ACTION(() => fold(operands, operators))
  })

  readonly negation = this.RULE('negation', (): Expr => {
    const starts: number[] = []
    this.MANY(() => {
      starts.push(this.CONSUME(NOT).startOffset)
    })
    let result = this.SUBRULE(this.test)
    for (const start of starts.reverse()) {
      result = { kind: 'unary', operator: 'not', operand: result, span: this.since(start) }
    }
    return result
  })

  /** A comparison, then IS NULL and its kin. */
  readonly test = this.RULE('test', (): Expr => {
    const start = this.mark()
    let result = this.SUBRULE(this.membership)
    this.OPTION(() => {
      const token = this.CONSUME(t.Comparison)
      const left = result
      this.OR1([
        {
          GATE: () => this.quantifierAhead(),
          ALT: () => {
            result = this.SUBRULE(this.quantified, { ARGS: [left, token, start] })
          },
        },
        {
          ALT: () => {
            const right = this.SUBRULE1(this.membership)
            result = this.ACTION(() => binary(operatorOf(token.image), left, right, spanOf(token)))
          },
        },
      ])
    })
    this.MANY(() => {
      const operand = result
      result = this.OR([
        { ALT: () => this.SUBRULE(this.isTest, { ARGS: [operand, start] }) },
        {
          ALT: () => {
            this.CONSUME(ISNULL)
            return this.isNull(operand, false, start)
          },
        },
        {
          ALT: () => {
            this.CONSUME(NOTNULL)
            return this.isNull(operand, true, start)
          },
        },
      ])
    })
    return result
  })

  /** `ANY (`, `SOME (`, `ALL (`. */
  private quantifierAhead(): boolean {
    return (this.nextIs(ANY) || this.nextIs(SOME) || this.nextIs(ALL)) && this.nextIs(t.LeftParen, 2)
  }

  readonly quantified = this.RULE(
    'quantified',
    (operand: Expr, token: IToken, start: number): Quantified | QuantifiedArray => {
      const ofQuery = this.ACTION(() => this.queryInParens(2))
      const quantifier = this.OR<Quantified['quantifier']>([
        {
          ALT: () => {
            this.OR1([{ ALT: () => this.CONSUME(ANY) }, { ALT: () => this.CONSUME(SOME) }])
            return 'any' as const
          },
        },
        {
          ALT: () => {
            this.CONSUME(ALL)
            return 'all' as const
          },
        },
      ])
      this.CONSUME(t.LeftParen)
      const over = this.OR2<{ query: Query } | { array: Expr }>({
        DEF: [
          { GATE: () => ofQuery, ALT: () => ({ query: this.SUBRULE(this.query) }) },
          { ALT: () => ({ array: this.SUBRULE(this.expression) }) },
        ],
        IGNORE_AMBIGUITIES: true,
      })
      this.CONSUME(t.RightParen)
      const span = this.since(start)
      return this.ACTION(() => {
        const shared = { operand, operator: operatorOf(token.image), quantifier, span }
        return 'query' in over
          ? { kind: 'quantified', ...shared, query: over.query }
          : { kind: 'quantified_array', ...shared, array: over.array, operatorSpan: spanOf(token) }
      })
    },
  )

  private isNull(operand: Expr, negated: boolean, start: number): IsTest {
    return { kind: 'is_test', operand, test: 'null', negated, span: this.since(start) }
  }

  readonly isTest = this.RULE('isTest', (operand: Expr, start: number): IsTest | IsDistinct => {
    let negated = false
    this.CONSUME(IS)
    this.OPTION(() => {
      this.CONSUME(NOT)
      negated = true
    })
    const done = (test: IsTest['test']): IsTest => ({
      kind: 'is_test',
      operand,
      test,
      negated,
      span: this.since(start),
    })
    return this.OR<IsTest | IsDistinct>([
      {
        ALT: () => {
          this.CONSUME(NULL)
          return done('null')
        },
      },
      {
        ALT: () => {
          this.CONSUME(TRUE)
          return done('true')
        },
      },
      {
        ALT: () => {
          this.CONSUME(FALSE)
          return done('false')
        },
      },
      {
        ALT: () => {
          this.CONSUME(UNKNOWN)
          return done('unknown')
        },
      },
      {
        ALT: (): IsDistinct => {
          this.CONSUME(DISTINCT)
          this.CONSUME(FROM)
          const right = this.SUBRULE(this.membership)
          return { kind: 'is_distinct', left: operand, right, negated, span: this.since(start) }
        },
      },
    ])
  })

  readonly membership = this.RULE('membership', (): Expr => {
    const start = this.mark()
    const operand = this.SUBRULE(this.value)
    let result = operand
    this.OPTION({
      // Elsewhere NOT belongs to somebody else: `DEFAULT 1 NOT NULL`.
      GATE: () => !this.nextIs(NOT) || NEGATABLE.has(this.LA(2).tokenType),
      DEF: () => {
        let negated = false
        this.OPTION1(() => {
          this.CONSUME(NOT)
          negated = true
        })
        const args = { ARGS: [operand, negated, start] as [Expr, boolean, number] }
        result = this.OR<Expr>([
          { ALT: () => this.SUBRULE(this.between, args) },
          { ALT: () => this.SUBRULE(this.inList, args) },
          { ALT: () => this.SUBRULE(this.like, args) },
          { ALT: () => this.SUBRULE(this.similar, args) },
        ])
      },
    })
    return result
  })

  readonly between = this.RULE('between', (operand: Expr, negated: boolean, start: number): Between => {
    let symmetric = false
    this.CONSUME(BETWEEN)
    this.OPTION(() => {
      this.OR([
        {
          ALT: () => {
            this.CONSUME(SYMMETRIC)
            symmetric = true
          },
          GATE: () => !this.nextIs(t.Dot, 2),
        },
        { ALT: () => this.CONSUME(ASYMMETRIC) },
      ])
    })
    const low = this.SUBRULE(this.value)
    this.CONSUME(AND)
    const high = this.SUBRULE1(this.value)
    return { kind: 'between', operand, low, high, symmetric, negated, span: this.since(start) }
  })

  readonly inList = this.RULE('inList', (operand: Expr, negated: boolean, start: number): InList | InQuery => {
    this.CONSUME(IN)
    return this.OR<InList | InQuery>({
      DEF: [
        {
          GATE: () => this.queryInParens(),
          ALT: (): InQuery => {
            this.CONSUME(t.LeftParen)
            const query = this.SUBRULE(this.query)
            this.CONSUME(t.RightParen)
            return { kind: 'in_query', operand, query, negated, span: this.since(start) }
          },
        },
        {
          ALT: (): InList => {
            let items: Expr[] = []
            this.CONSUME1(t.LeftParen)
            // A list of nothing, as SQLite takes it: generated statements have such.
            this.OPTION(() => {
              items = this.SUBRULE(this.expressions)
            })
            this.CONSUME1(t.RightParen)
            return { kind: 'in_list', operand, items, negated, span: this.since(start) }
          },
        },
      ],
      IGNORE_AMBIGUITIES: true,
    })
  })

  readonly like = this.RULE('like', (operand: Expr, negated: boolean, start: number): Like => {
    const word = this.OR([{ ALT: () => this.CONSUME(LIKE) }, { ALT: () => this.CONSUME(ILIKE) }])
    const pattern = this.SUBRULE(this.value)
    let escaping: Expr | undefined
    this.OPTION(() => {
      this.CONSUME(ESCAPE)
      escaping = this.SUBRULE1(this.value)
    })
    const caseInsensitive = word.tokenType === ILIKE
    const base = { kind: 'like', operand, pattern, caseInsensitive, negated, span: this.since(start) } as const
    return escaping === undefined ? base : { ...base, escape: escaping }
  })

  /** A call of the function that it is. */
  readonly similar = this.RULE('similar', (operand: Expr, negated: boolean, start: number): Expr => {
    this.CONSUME(SIMILAR)
    this.CONSUME(TO)
    const args = [operand, this.SUBRULE(this.value)]
    this.OPTION(() => {
      this.CONSUME(ESCAPE)
      args.push(this.SUBRULE1(this.value))
    })
    const span = this.since(start)
    const name: Name = { kind: 'name', parts: [{ kind: 'ident', name: 'similar_to', span }], span }
    const call: Expr = { kind: 'call', name, args, star: false, distinct: false, orderBy: [], span }
    return negated ? { kind: 'unary', operator: 'not', operand: call, span } : call
  })

  /** `a, b, c` */
  readonly expressions = this.RULE('expressions', (): Expr[] => {
    const list: Expr[] = []
    this.AT_LEAST_ONE_SEP({ SEP: t.Comma, DEF: () => list.push(this.SUBRULE(this.expression)) })
    return list
  })

  /** Arithmetic, concatenation and regular expression matches. */
  readonly value = this.RULE('value', (): Expr => {
    const operands: Expr[] = []
    const operators: OperatorToken[] = []
    operands.push(this.SUBRULE(this.unary))
    this.MANY(() => {
      const token = this.CONSUME(t.Arithmetic)
      this.ACTION(() => {
        if (ONLY_PREFIXES.has(token.image)) throw unexpected(token)
      })
      operators.push({ operator: operatorOf(token.image), span: spanOf(token) })
      operands.push(this.SUBRULE1(this.unary))
    })
    return operators.length === 0 ? operands[0]! : this.ACTION(() => fold(operands, operators))
  })

  readonly unary = this.RULE('unary', (): Expr => {
    const start = this.mark()
    const signs: { operator: Unary['operator']; start: number }[] = []
    this.MANY(() => {
      const token = this.OR([
        { ALT: () => this.CONSUME(t.Minus) },
        { ALT: () => this.CONSUME(t.Plus) },
        { ALT: () => this.CONSUME(t.OtherArithmetic) },
      ])
      this.ACTION(() => {
        if (!PREFIXES.has(token.image)) throw unexpected(token)
      })
      signs.push({ operator: token.image as Unary['operator'], start: token.startOffset })
    })
    const operandStart = this.mark()
    let result = this.SUBRULE(this.primary)
    this.MANY1(() => {
      const operand = result
      result = this.OR1<Expr>([
        {
          ALT: () => {
            this.CONSUME(t.DoubleColon)
            const type = this.SUBRULE(this.typeName)
            return { kind: 'cast', operand, type, try: false, span: this.since(operandStart) }
          },
        },
        { ALT: () => this.SUBRULE(this.subscript, { ARGS: [operand, operandStart] }) },
        {
          ALT: () => {
            this.CONSUME(COLLATE)
            const collation = this.SUBRULE(this.collation)
            return { kind: 'collate', operand, collation, span: this.since(operandStart) }
          },
        },
        {
          ALT: () => {
            this.CONSUME(t.Dot)
            const name = this.CONSUME(t.Identifier)
            return { kind: 'field', operand, name: this.ACTION(() => toIdent(name)), span: this.since(operandStart) }
          },
        },
      ])
    })
    for (const { operator, start } of signs.reverse()) {
      result = { kind: 'unary', operator, operand: result, span: this.since(start) }
    }
    this.MANY2(() => {
      this.CONSUME(t.AtHead)
      this.CONSUME(TIME)
      this.CONSUME(ZONE)
      const zoneStart = this.mark()
      let zone = this.SUBRULE1(this.primary)
      this.MANY3(() => {
        this.CONSUME1(t.DoubleColon)
        const type = this.SUBRULE1(this.typeName)
        zone = { kind: 'cast', operand: zone, type, try: false, span: this.since(zoneStart) }
      })
      result = { kind: 'at_time_zone', operand: result, zone, span: this.since(start) }
    })
    return result
  })

  /** A collation's name, which may be `default`. */
  readonly collation = this.RULE('collation', (): Name => {
    const start = this.mark()
    const tokens = [this.CONSUME(t.Label)]
    this.OPTION(() => {
      this.CONSUME(t.Dot)
      tokens.push(this.CONSUME1(t.Label))
    })
    return { kind: 'name', parts: this.ACTION(() => tokens.map(toIdent)), span: this.since(start) }
  })

  /** `[1]`, `[1:2]`, `[:2]`, `[1:]`, `[:]`. */
  readonly subscript = this.RULE('subscript', (operand: Expr, start: number): Expr => {
    let lower: Expr | undefined
    let upper: Expr | undefined
    let slice = false
    this.CONSUME(t.LeftBracket)
    this.OPTION(() => {
      lower = this.SUBRULE(this.expression)
    })
    this.OPTION1(() => {
      this.CONSUME(t.Colon)
      slice = true
      this.OPTION2(() => {
        upper = this.SUBRULE1(this.expression)
      })
    })
    const end = this.CONSUME(t.RightBracket)
    this.ACTION(() => {
      if (lower === undefined && !slice)
        throw new SqlError(Code.SyntaxError, 'syntax error at or near "]"', { at: end.startOffset })
    })
    const span = this.since(start)
    if (!slice && lower !== undefined) return { kind: 'subscript', operand, index: lower, span }
    return { kind: 'slice', operand, ...(lower && { lower }), ...(upper && { upper }), span }
  })

  /** The text of a string token. */
  readonly text = this.RULE('text', (): string => {
    const token = this.CONSUME(t.StringLiteral)
    return this.ACTION(() => stringOf(token))
  })
}

function operatorOf(image: string): BinaryOperator {
  return (image === '!=' ? '<>' : image) as BinaryOperator
}
