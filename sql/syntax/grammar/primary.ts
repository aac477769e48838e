/** What expressions are made of: literals, columns, CASE, CAST, parentheses, and SQL's special forms of function calls. */
import type { ParserMethod } from '../chevrotain.js'
import { nameOf } from '../lex.js'
import * as t from '../tokens.js'
import type {
  Call,
  Case,
  CaseBranch,
  Expr,
  Extract,
  Ident,
  IntervalUnit,
  Name,
  TypedLiteral,
  TypeName,
} from '../tree.js'
import { toIdent } from './base.js'
import { ExpressionGrammar } from './expression.js'
import { canonicalType } from './types.js'

const [AS, BOTH, CASE, CAST, DEFAULT, ELSE, END, EXISTS, FALSE, FOR, FROM, IN, LEADING, LEFT, NULL, RIGHT, THEN] = [
  t.kw('as'),
  t.kw('both'),
  t.kw('case'),
  t.kw('cast'),
  t.kw('default'),
  t.kw('else'),
  t.kw('end'),
  t.kw('exists'),
  t.kw('false'),
  t.kw('for'),
  t.kw('from'),
  t.kw('in'),
  t.kw('leading'),
  t.kw('left'),
  t.kw('null'),
  t.kw('right'),
  t.kw('then'),
]
const PLACING = t.kw('placing')
const [TRAILING, TRUE, WHEN] = [t.kw('trailing'), t.kw('true'), t.kw('when')]
const CURRENT = ['current_timestamp', 'current_date', 'current_time', 'localtimestamp', 'localtime'].map(t.kw)
const UNITS: ReadonlySet<string> = new Set<IntervalUnit>(['year', 'month', 'day', 'hour', 'minute', 'second'])

export abstract class PrimaryGrammar extends ExpressionGrammar {
  abstract readonly callOf: ParserMethod<[Name, number], Call>

  /** One token decides everywhere, since `lex.ts` has marked the words that begin a special form. */
  readonly primary: ParserMethod<[], Expr> = this.RULE('primary', (): Expr => {
    const start = this.mark()
    return this.OR<Expr>([
      { ALT: () => this.SUBRULE(this.nameOrCall) },
      {
        ALT: () => {
          const text = this.CONSUME(t.NumberLiteral).image.replaceAll('_', '')
          return { kind: 'number', text, span: this.since(start) }
        },
      },
      { ALT: () => ({ kind: 'string', value: this.SUBRULE(this.text), span: this.since(start) }) },
      { ALT: () => this.SUBRULE(this.parenthesized) },
      { ALT: () => this.SUBRULE(this.typedLiteral) },
      {
        ALT: () => {
          this.CONSUME(NULL)
          return { kind: 'null', span: this.since(start) }
        },
      },
      {
        ALT: () => {
          this.CONSUME(TRUE)
          return { kind: 'boolean', value: true, span: this.since(start) }
        },
      },
      {
        ALT: () => {
          this.CONSUME(FALSE)
          return { kind: 'boolean', value: false, span: this.since(start) }
        },
      },
      { ALT: () => this.SUBRULE(this.caseExpression) },
      { ALT: () => this.SUBRULE(this.cast) },
      { ALT: () => this.SUBRULE(this.exists) },
      { ALT: () => this.SUBRULE(this.extract) },
      { ALT: () => this.SUBRULE(this.substring) },
      { ALT: () => this.SUBRULE(this.position) },
      { ALT: () => this.SUBRULE(this.overlay) },
      { ALT: () => this.SUBRULE(this.trim) },
      { ALT: () => this.SUBRULE(this.row) },
      { ALT: () => this.SUBRULE(this.array) },
      { ALT: () => this.SUBRULE(this.sideCall) },
      {
        ALT: () => {
          const index = Number(this.CONSUME(t.Parameter).image.slice(1))
          return { kind: 'parameter', index, span: this.since(start) }
        },
      },
      {
        ALT: () => {
          this.CONSUME(DEFAULT)
          return { kind: 'default', span: this.since(start) }
        },
      },
      ...CURRENT.map((word) => ({
        ALT: (): Expr => {
          const ident = toIdent(this.CONSUME(word))
          return plainCall(ident, [], ident.span)
        },
      })),
    ])
  })

  readonly nameOrCall = this.RULE('nameOrCall', (): Expr => {
    const start = this.mark()
    const name = this.SUBRULE(this.name)
    let result: Expr = { kind: 'column', parts: name.parts, span: name.span }
    this.OPTION({
      GATE: () => this.nextIs(t.LeftParen),
      DEF: () => {
        result = this.SUBRULE(this.callOf, { ARGS: [name, start] })
      },
    })
    return result
  })

  /** LEFT and RIGHT are functions of text, too. */
  readonly sideCall = this.RULE('sideCall', (): Expr => {
    const start = this.mark()
    const part = this.OR([{ ALT: () => toIdent(this.CONSUME(LEFT)) }, { ALT: () => toIdent(this.CONSUME(RIGHT)) }])
    const name: Name = { kind: 'name', parts: [part], span: part.span }
    return this.SUBRULE(this.callOf, { ARGS: [name, start] })
  })

  readonly parenthesized = this.RULE('parenthesized', (): Expr => {
    const start = this.mark()
    return this.OR<Expr>({
      DEF: [
        {
          GATE: () => this.queryInParens(),
          ALT: () => {
            this.CONSUME(t.LeftParen)
            const query = this.SUBRULE(this.query)
            this.CONSUME(t.RightParen)
            return { kind: 'subquery', query, span: this.since(start) }
          },
        },
        {
          ALT: () => {
            this.CONSUME1(t.LeftParen)
            const items = this.SUBRULE(this.expressions)
            this.CONSUME1(t.RightParen)
            // The parentheses themselves leave no trace: an expression's span is what stands inside them.
            return items.length === 1 ? items[0]! : { kind: 'row', items, span: this.since(start) }
          },
        },
      ],
      IGNORE_AMBIGUITIES: true,
    })
  })

  readonly typedLiteral = this.RULE('typedLiteral', (): TypedLiteral => {
    const start = this.mark()
    let words = nameOf(this.CONSUME(t.TypedLiteralHead))
    this.OPTION(() => {
      words += this.SUBRULE(this.timeZone)
    })
    const span = this.since(start)
    const type: TypeName = { kind: 'type', name: canonicalType(words), arguments: [], dimensions: 0, span }
    const value = this.SUBRULE(this.text)
    let unit: IntervalUnit | undefined
    this.OPTION1({
      GATE: () => type.name === 'interval' && UNITS.has(this.LA(1).image.toLowerCase()),
      DEF: () => {
        unit = nameOf(this.CONSUME(t.Identifier)) as IntervalUnit
      },
    })
    const base = { kind: 'typed_literal', type, value, span: this.since(start) } as const
    return unit === undefined ? base : { ...base, unit }
  })

  readonly caseExpression = this.RULE('caseExpression', (): Case => {
    const start = this.mark()
    const branches: CaseBranch[] = []
    let operand: Expr | undefined
    let otherwise: Expr | undefined
    this.CONSUME(CASE)
    this.OPTION(() => {
      operand = this.SUBRULE(this.expression)
    })
    this.AT_LEAST_ONE(() => {
      const branchStart = this.mark()
      this.CONSUME(WHEN)
      const when = this.SUBRULE1(this.expression)
      this.CONSUME(THEN)
      const then = this.SUBRULE2(this.expression)
      branches.push({ kind: 'case_branch', when, then, span: this.since(branchStart) })
    })
    this.OPTION1(() => {
      this.CONSUME(ELSE)
      otherwise = this.SUBRULE3(this.expression)
    })
    this.CONSUME(END)
    return {
      kind: 'case',
      ...(operand && { operand }),
      branches,
      ...(otherwise && { otherwise }),
      span: this.since(start),
    }
  })

  readonly cast = this.RULE('cast', (): Expr => {
    const start = this.mark()
    const word = this.OR([{ ALT: () => this.CONSUME(CAST) }, { ALT: () => this.CONSUME(t.TryCastHead) }])
    this.CONSUME(t.LeftParen)
    const operand = this.SUBRULE(this.expression)
    this.CONSUME(AS)
    const type = this.SUBRULE(this.typeName)
    this.CONSUME(t.RightParen)
    return { kind: 'cast', operand, type, try: word.tokenType === t.TryCastHead, span: this.since(start) }
  })

  readonly exists = this.RULE('exists', (): Expr => {
    const start = this.mark()
    this.CONSUME(EXISTS)
    this.CONSUME(t.LeftParen)
    const query = this.SUBRULE(this.query)
    this.CONSUME(t.RightParen)
    return { kind: 'exists', query, span: this.since(start) }
  })

  readonly extract = this.RULE('extract', (): Extract => {
    const start = this.mark()
    this.CONSUME(t.ExtractHead)
    this.CONSUME(t.LeftParen)
    const field = this.OR([{ ALT: () => this.SUBRULE(this.ident).name }, { ALT: () => this.SUBRULE(this.text) }])
    this.CONSUME(FROM)
    const operand = this.SUBRULE(this.expression)
    this.CONSUME(t.RightParen)
    return { kind: 'extract', field: this.ACTION(() => field.toLowerCase()), operand, span: this.since(start) }
  })

  /** `OVERLAY(x PLACING y FROM a FOR b)`, or with commas. */
  readonly overlay = this.RULE('overlay', (): Expr => {
    const start = this.mark()
    const name = toIdent(this.CONSUME(t.OverlayHead))
    this.CONSUME(t.LeftParen)
    const args = [this.SUBRULE(this.expression)]
    this.OR([
      {
        ALT: () => {
          this.CONSUME(PLACING)
          args.push(this.SUBRULE1(this.expression))
          this.CONSUME(FROM)
          args.push(this.SUBRULE2(this.expression))
          this.OPTION(() => {
            this.CONSUME(FOR)
            args.push(this.SUBRULE3(this.expression))
          })
        },
      },
      {
        ALT: () => {
          this.AT_LEAST_ONE(() => {
            this.CONSUME(t.Comma)
            args.push(this.SUBRULE4(this.expression))
          })
        },
      },
    ])
    this.CONSUME(t.RightParen)
    return plainCall(name, args, this.since(start))
  })

  /** `SUBSTRING(x FROM a FOR b)`, in any of its shortened forms, or with commas. */
  readonly substring = this.RULE('substring', (): Expr => {
    const start = this.mark()
    const name = toIdent(this.CONSUME(t.SubstringHead))
    this.CONSUME(t.LeftParen)
    const args = [this.SUBRULE(this.expression)]
    this.OR([
      {
        ALT: () => {
          this.CONSUME(FROM)
          args.push(this.SUBRULE1(this.expression))
          this.OPTION(() => {
            this.CONSUME(FOR)
            args.push(this.SUBRULE2(this.expression))
          })
        },
      },
      {
        ALT: () => {
          const one: Expr = { kind: 'number', text: '1', span: this.since(this.CONSUME1(FOR).startOffset) }
          args.push(one, this.SUBRULE3(this.expression))
        },
      },
      {
        ALT: () =>
          this.MANY(() => {
            this.CONSUME(t.Comma)
            args.push(this.SUBRULE4(this.expression))
          }),
      },
    ])
    this.CONSUME(t.RightParen)
    return plainCall(name, args, this.since(start))
  })

  /** `POSITION(a IN b)` is strpos(b, a). */
  readonly position = this.RULE('position', (): Expr => {
    const start = this.mark()
    const name = toIdent(this.CONSUME(t.PositionHead))
    this.CONSUME(t.LeftParen)
    // Not a whole expression: that would take the IN.
    const part = this.SUBRULE(this.value)
    this.CONSUME(IN)
    const whole = this.SUBRULE1(this.value)
    this.CONSUME(t.RightParen)
    return plainCall({ ...name, name: 'strpos' }, [whole, part], this.since(start))
  })

  /** `TRIM([LEADING|TRAILING|BOTH] [a] FROM b)`, `TRIM(b)`, `TRIM(b, a)`. */
  readonly trim = this.RULE('trim', (): Expr => {
    const start = this.mark()
    const name = toIdent(this.CONSUME(t.TrimHead))
    let called = 'btrim'
    let args: Expr[] = []
    this.CONSUME(t.LeftParen)
    this.OPTION({
      GATE: () => !this.nextIs(t.RightParen, 2) && !this.nextIs(t.Dot, 2) && !this.nextIs(t.Comma, 2),
      DEF: () => {
        this.OR([
          {
            ALT: () => {
              this.CONSUME(LEADING)
              called = 'ltrim'
            },
          },
          {
            ALT: () => {
              this.CONSUME(TRAILING)
              called = 'rtrim'
            },
          },
          { ALT: () => this.CONSUME(BOTH) },
        ])
      },
    })
    this.OPTION1(() => {
      args = this.SUBRULE(this.expressions)
    })
    this.OPTION2(() => {
      this.CONSUME(FROM)
      const whole = this.SUBRULE1(this.expressions)
      args = this.ACTION(() => [...whole, ...args])
    })
    this.CONSUME(t.RightParen)
    return plainCall({ ...name, name: called }, args, this.since(start))
  })

  readonly row = this.RULE('row', (): Expr => {
    const start = this.mark()
    let items: Expr[] = []
    this.CONSUME(t.RowHead)
    this.CONSUME(t.LeftParen)
    this.OPTION(() => {
      items = this.SUBRULE(this.expressions)
    })
    this.CONSUME(t.RightParen)
    return { kind: 'row', items, span: this.since(start) }
  })

  readonly array = this.RULE('array', (): Expr => {
    const start = this.mark()
    this.CONSUME(t.ArrayHead)
    return this.OR<Expr>([
      {
        ALT: (): Expr => {
          const items = this.SUBRULE(this.arrayItems)
          return { kind: 'array', items, span: this.since(start) }
        },
      },
      {
        ALT: (): Expr => {
          this.CONSUME(t.LeftParen)
          const query = this.SUBRULE(this.query)
          this.CONSUME(t.RightParen)
          return { kind: 'array_query', query, span: this.since(start) }
        },
      },
    ])
  })

  /** Arrays within are written without the word: `ARRAY[[1, 2], [3]]`. */
  readonly arrayItems: ParserMethod<[], Expr[]> = this.RULE('arrayItems', (): Expr[] => {
    const items: Expr[] = []
    this.CONSUME(t.LeftBracket)
    this.MANY_SEP({
      SEP: t.Comma,
      DEF: () => {
        const start = this.mark()
        const item = this.OR<Expr>([
          { ALT: () => ({ kind: 'array', items: this.SUBRULE(this.arrayItems), span: this.since(start) }) },
          { ALT: () => this.SUBRULE(this.expression) },
        ])
        items.push(item)
      },
    })
    this.CONSUME(t.RightBracket)
    return items
  })
}

function plainCall(name: Ident, args: readonly Expr[], span: Call['span']): Call {
  return {
    kind: 'call',
    name: { kind: 'name', parts: [name], span: name.span },
    args,
    star: false,
    distinct: false,
    orderBy: [],
    span,
  }
}
