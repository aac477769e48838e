/** The parts that definitions of tables, streams, sources and sinks share: columns, watermarks, WITH options, formats. */
import { Code } from '../../diag/codes.js'
import { SqlError } from '../../diag/error.js'
import { nameOf } from '../lex.js'
import * as t from '../tokens.js'
import type { ColumnDefinition, Expr, Format, Ident, Option, Watermark } from '../tree.js'
import { DmlGrammar } from './dml.js'

const [AS, CHECK, CONSTRAINT, DEFAULT, ENCODE, FALSE, FOR, FORMAT, KEY, NOT, NULL, ON, PRIMARY, REFERENCES, TRUE] = [
  t.kw('as'),
  t.kw('check'),
  t.kw('constraint'),
  t.kw('default'),
  t.kw('encode'),
  t.kw('false'),
  t.kw('for'),
  t.kw('format'),
  t.kw('key'),
  t.kw('not'),
  t.kw('null'),
  t.kw('on'),
  t.kw('primary'),
  t.kw('references'),
  t.kw('true'),
]
const [UNIQUE, WATERMARK, WITH] = [t.kw('unique'), t.kw('watermark'), t.kw('with')]

/** What stands between the parentheses after a relation's name. */
export interface Elements {
  readonly columns: readonly ColumnDefinition[]
  readonly watermark?: Watermark
  readonly primaryKey?: readonly Ident[]
}

export abstract class RelationGrammar extends DmlGrammar {
  readonly elements = this.RULE('elements', (): Elements => {
    const columns: ColumnDefinition[] = []
    let watermark: Watermark | undefined
    let primaryKey: Ident[] | undefined
    this.CONSUME(t.LeftParen)
    this.AT_LEAST_ONE_SEP({
      SEP: t.Comma,
      DEF: () =>
        this.OR({
          DEF: [
            {
              GATE: () => this.nextIs(FOR, 2),
              ALT: () => {
                const start = this.mark()
                const again = this.SUBRULE(this.watermark)
                this.ACTION(() => once(watermark, 'watermarks', start))
                watermark = again
              },
            },
            {
              ALT: () => {
                const start = this.mark()
                const again = this.SUBRULE(this.primaryKey)
                this.ACTION(() => once(primaryKey, 'primary keys', start))
                primaryKey = again
              },
            },
            { ALT: () => this.SUBRULE(this.unsupportedConstraint) },
            { ALT: () => columns.push(this.SUBRULE(this.column)) },
          ],
          IGNORE_AMBIGUITIES: true,
        }),
    })
    this.CONSUME(t.RightParen)
    return { columns, ...(watermark && { watermark }), ...(primaryKey && { primaryKey }) }
  })

  readonly watermark = this.RULE('watermark', (): Watermark => {
    const start = this.mark()
    this.CONSUME(WATERMARK)
    this.CONSUME(FOR)
    const column = this.SUBRULE(this.ident)
    this.CONSUME(AS)
    const expr = this.SUBRULE(this.expression)
    return { kind: 'watermark', column, expr, span: this.since(start) }
  })

  readonly primaryKey = this.RULE('primaryKey', (): Ident[] => {
    this.CONSUME(PRIMARY)
    this.CONSUME(KEY)
    return this.SUBRULE(this.identList)
  })

  readonly column = this.RULE('column', (): ColumnDefinition => {
    const start = this.mark()
    let notNull = false
    let primaryKey = false
    let value: Expr | undefined
    const name = this.SUBRULE(this.ident)
    const type = this.SUBRULE(this.typeName)
    this.MANY(() =>
      this.OR([
        {
          ALT: () => {
            this.CONSUME(NOT)
            this.CONSUME(NULL)
            notNull = true
          },
        },
        { ALT: () => this.CONSUME1(NULL) },
        {
          ALT: () => {
            this.CONSUME(DEFAULT)
            value = this.SUBRULE(this.expression)
          },
        },
        {
          ALT: () => {
            this.CONSUME(PRIMARY)
            this.CONSUME(KEY)
            primaryKey = true
          },
        },
        { ALT: () => this.SUBRULE(this.unsupportedConstraint) },
      ]),
    )
    return {
      kind: 'column_definition',
      name,
      type,
      notNull,
      primaryKey,
      ...(value && { default: value }),
      span: this.since(start),
    }
  })

  /** Constraints that people will try: a clear refusal is better than a syntax error. */
  readonly unsupportedConstraint = this.RULE('unsupportedConstraint', (): void => {
    const token = this.OR([
      { ALT: () => this.CONSUME(CHECK) },
      { ALT: () => this.CONSUME(UNIQUE) },
      { ALT: () => this.CONSUME(REFERENCES) },
      { GATE: () => this.nextMatches(t.Identifier, 2), ALT: () => this.CONSUME(CONSTRAINT) },
    ])
    this.ACTION(() => {
      throw new SqlError(Code.FeatureNotSupported, `${token.image.toUpperCase()} constraints are not supported`, {
        at: token.startOffset,
        hint: 'NOT NULL, DEFAULT and PRIMARY KEY are.',
      })
    })
  })

  /** `WITH (key = value, dotted.key = 'value')`; nothing is an empty list. */
  readonly withOptions = this.RULE('withOptions', (): Option[] => {
    let options: Option[] = []
    this.OPTION(() => {
      this.CONSUME(WITH)
      options = this.SUBRULE(this.optionList)
    })
    return options
  })

  readonly optionList = this.RULE('optionList', (): Option[] => {
    const options: Option[] = []
    this.CONSUME(t.LeftParen)
    this.MANY_SEP({ SEP: t.Comma, DEF: () => options.push(this.SUBRULE(this.option_)) })
    this.CONSUME(t.RightParen)
    return options
  })

  readonly option_ = this.RULE('option_', (): Option => {
    const start = this.mark()
    let key = ''
    this.OR([
      {
        ALT: () =>
          this.AT_LEAST_ONE_SEP({
            SEP: t.Dot,
            DEF: () => {
              const part = this.SUBRULE(this.label)
              key += `${key && '.'}${part.name}`
            },
          }),
      },
      {
        ALT: () => {
          key = this.SUBRULE(this.text)
        },
      },
    ])
    this.CONSUME(t.Equal)
    const valueStart = this.mark()
    const value = this.SUBRULE(this.setting)
    return { kind: 'option', key, value, valueSpan: this.since(valueStart), span: this.since(start) }
  })

  /** A value of an option or a variable, as its text. */
  readonly setting = this.RULE('setting', (): string => {
    let sign = ''
    return this.OR([
      { ALT: () => this.SUBRULE(this.text) },
      {
        ALT: () => {
          this.OPTION(() => {
            this.CONSUME(t.Minus)
            sign = '-'
          })
          return sign + this.CONSUME(t.NumberLiteral).image
        },
      },
      {
        ALT: () => {
          this.CONSUME(TRUE)
          return 'true'
        },
      },
      {
        ALT: () => {
          this.CONSUME(FALSE)
          return 'false'
        },
      },
      {
        ALT: () => {
          this.CONSUME(ON)
          return 'on'
        },
      },
      { ALT: () => nameOf(this.CONSUME(t.Identifier)) },
      { ALT: () => this.SUBRULE(this.intervalText) },
    ])
  })

  /** `INTERVAL '7 days'` as an option is its text. */
  readonly intervalText = this.RULE('intervalText', (): string => {
    const literal = this.SUBRULE(this.typedLiteral)
    return this.ACTION(() => (literal.unit === undefined ? literal.value : `${literal.value} ${literal.unit}`))
  })

  /** `FORMAT PLAIN ENCODE JSON [KEY (a, b)] [(options)]` */
  readonly format = this.RULE('format', (): Format => {
    const start = this.mark()
    let key: Ident[] = []
    let options: Option[] = []
    this.CONSUME(FORMAT)
    const format = this.SUBRULE(this.ident)
    this.CONSUME(ENCODE)
    const encode = this.SUBRULE1(this.ident)
    this.OPTION(() => {
      options = this.SUBRULE(this.optionList)
    })
    this.OPTION1(() => {
      this.CONSUME(KEY)
      key = this.SUBRULE(this.identList)
    })
    return { kind: 'format', format: format.name, encode: encode.name, key, options, span: this.since(start) }
  })
}

function once(before: unknown, what: string, at: number): void {
  if (before !== undefined) throw new SqlError(Code.InvalidTableDefinition, `multiple ${what} are not allowed`, { at })
}
