/** The parts that definitions of tables, streams, sources and sinks share: columns, watermarks, WITH options, formats. */
import { Code } from '../../diag/codes.js'
import { SqlError } from '../../diag/error.js'
import { nameOf } from '../lex.js'
import * as t from '../tokens.js'
import type { ColumnDefinition, Constraint, Expr, Format, GeneratedColumn, Ident, Option, Watermark } from '../tree.js'
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
const [ALWAYS, BY, FOREIGN, GENERATED, IDENTITY, INCREMENT, START, STORED, UNIQUE, WATERMARK, WITH] = [
  t.kw('always'),
  t.kw('by'),
  t.kw('foreign'),
  t.kw('generated'),
  t.kw('identity'),
  t.kw('increment'),
  t.kw('start'),
  t.kw('stored'),
  t.kw('unique'),
  t.kw('watermark'),
  t.kw('with'),
]

/** What stands between the parentheses after a relation's name. */
export interface Elements {
  readonly columns: readonly ColumnDefinition[]
  readonly watermark?: Watermark
  readonly constraints: readonly Constraint[]
}

export abstract class RelationGrammar extends DmlGrammar {
  readonly elements = this.RULE('elements', (): Elements => {
    const columns: ColumnDefinition[] = []
    let watermark: Watermark | undefined
    const constraints: Constraint[] = []
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
              GATE: () => this.constraintAhead(),
              ALT: () => constraints.push(this.SUBRULE(this.constraint, { ARGS: [false] })),
            },
            { ALT: () => columns.push(this.SUBRULE(this.column)) },
          ],
          IGNORE_AMBIGUITIES: true,
        }),
    })
    this.CONSUME(t.RightParen)
    return { columns, constraints, ...(watermark && { watermark }) }
  })

  /** Whether a constraint begins, and not a column that is called "constraint" or "foreign". */
  protected constraintAhead(): boolean {
    const named = this.nextIs(CONSTRAINT)
    if (named && !this.nextMatches(t.Identifier, 2)) return false
    const at = named ? 3 : 1
    if (this.nextIs(FOREIGN, at)) return this.nextIs(KEY, at + 1)
    return [CHECK, UNIQUE, PRIMARY, REFERENCES].some((word) => this.nextIs(word, at))
  }

  readonly watermark = this.RULE('watermark', (): Watermark => {
    const start = this.mark()
    this.CONSUME(WATERMARK)
    this.CONSUME(FOR)
    const column = this.SUBRULE(this.ident)
    this.CONSUME(AS)
    const expr = this.SUBRULE(this.expression)
    return { kind: 'watermark', column, expr, span: this.since(start) }
  })

  readonly column = this.RULE('column', (): ColumnDefinition => {
    const start = this.mark()
    let notNull = false
    let primaryKey = false
    const constraints: Constraint[] = []
    let value: Expr | undefined
    let generated: GeneratedColumn | undefined
    const name = this.SUBRULE(this.ident)
    const type = this.SUBRULE(this.typeName)
    this.MANY(() =>
      this.OR([
        { ALT: () => this.CONSUME(NULL) },
        {
          ALT: () => {
            const again = this.SUBRULE(this.generated)
            this.ACTION(() => once(generated, 'generation clauses', start))
            generated = again
            if (again.kind === 'identity') notNull = true
          },
        },
        {
          ALT: () => {
            this.CONSUME(DEFAULT)
            value = this.SUBRULE(this.expression)
          },
        },
        {
          ALT: () => {
            const said = this.SUBRULE(this.constraint, { ARGS: [true] })
            if (said.type === 'not_null') notNull = true
            else if (said.type === 'primary_key') primaryKey = true
            else constraints.push(said)
          },
        },
      ]),
    )
    return {
      kind: 'column_definition',
      name,
      type,
      notNull,
      primaryKey,
      constraints,
      ...(value && { default: value }),
      ...(generated && { generated }),
      span: this.since(start),
    }
  })

  /** `GENERATED ALWAYS AS (expr) STORED`, `GENERATED {ALWAYS | BY DEFAULT} AS IDENTITY [(START WITH 1 INCREMENT BY 1)]` */
  readonly generated = this.RULE('generated', (): GeneratedColumn => {
    const start = this.mark()
    this.CONSUME(GENERATED)
    const always = this.OR([
      {
        ALT: () => {
          this.CONSUME(ALWAYS)
          return true
        },
      },
      {
        ALT: () => {
          this.CONSUME(BY)
          this.CONSUME(DEFAULT)
          return false
        },
      },
    ])
    this.CONSUME(AS)
    return this.OR1<GeneratedColumn>([
      {
        ALT: () => {
          this.CONSUME(IDENTITY)
          let options: Pick<Extract<GeneratedColumn, { kind: 'identity' }>, 'start' | 'increment'> = { increment: 1n }
          this.OPTION(() => {
            options = this.SUBRULE(this.sequenceOptions)
          })
          return { kind: 'identity', always, ...options, span: this.since(start) }
        },
      },
      {
        GATE: () => always,
        ALT: () => {
          this.CONSUME(t.LeftParen)
          const expr = this.SUBRULE(this.expression)
          this.CONSUME(t.RightParen)
          this.CONSUME(STORED)
          return { kind: 'stored', expr, span: this.since(start) }
        },
      },
    ])
  })

  readonly sequenceOptions = this.RULE('sequenceOptions', (): { start?: bigint; increment: bigint } => {
    let first: bigint | undefined
    let increment = 1n
    this.CONSUME(t.LeftParen)
    this.AT_LEAST_ONE(() =>
      this.OR([
        {
          ALT: () => {
            this.CONSUME(START)
            this.OPTION(() => this.CONSUME(WITH))
            first = this.SUBRULE(this.signedNumber)
          },
        },
        {
          ALT: () => {
            this.CONSUME(INCREMENT)
            this.OPTION1(() => this.CONSUME(BY))
            increment = this.SUBRULE1(this.signedNumber)
          },
        },
      ]),
    )
    this.CONSUME(t.RightParen)
    return { ...(first !== undefined && { start: first }), increment }
  })

  readonly signedNumber = this.RULE('signedNumber', (): bigint => {
    let sign = ''
    this.OPTION(() => {
      this.CONSUME(t.Minus)
      sign = '-'
    })
    const token = this.CONSUME(t.NumberLiteral)
    return this.ACTION(() => {
      if (!/^[0-9]{1,18}$/.test(token.image)) {
        throw new SqlError(Code.SyntaxError, `${token.image} is not a whole number`, { at: token.startOffset })
      }
      return BigInt(sign + token.image)
    })
  })

  /** `[CONSTRAINT name] CHECK (…)`, `UNIQUE (a, b)`; of a column without the list. */
  readonly constraint = this.RULE('constraint', (ofColumn: boolean): Constraint => {
    const start = this.mark()
    let name: Ident | undefined
    let expr: Expr | undefined
    let columns: Ident[] = []
    this.OPTION(() => {
      this.CONSUME(CONSTRAINT)
      name = this.SUBRULE(this.ident)
    })
    const type = this.OR<Constraint['type']>([
      {
        ALT: () => {
          this.CONSUME(CHECK)
          this.CONSUME(t.LeftParen)
          expr = this.SUBRULE(this.expression)
          this.CONSUME(t.RightParen)
          return 'check' as const
        },
      },
      {
        ALT: () => {
          this.CONSUME(UNIQUE)
          this.OPTION1({
            GATE: () => !ofColumn,
            DEF: () => {
              columns = this.SUBRULE(this.identList)
            },
          })
          return 'unique' as const
        },
      },
      {
        ALT: () => {
          this.CONSUME(PRIMARY)
          this.CONSUME(KEY)
          this.OPTION2({
            GATE: () => !ofColumn,
            DEF: () => {
              columns = this.SUBRULE1(this.identList)
            },
          })
          return 'primary_key' as const
        },
      },
      {
        ALT: () => {
          this.CONSUME(NOT)
          this.CONSUME(NULL)
          return 'not_null' as const
        },
      },
      {
        ALT: () => {
          const token = this.OR1([{ ALT: () => this.CONSUME(REFERENCES) }, { ALT: () => this.CONSUME(FOREIGN) }])
          this.ACTION(() => noForeignKeys(token.startOffset))
          return 'check' as const
        },
      },
    ])
    return { kind: 'constraint', type, ...(name && { name }), ...(expr && { expr }), columns, span: this.since(start) }
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

function noForeignKeys(at: number): never {
  throw new SqlError(Code.FeatureNotSupported, 'FOREIGN KEY constraints are not supported', {
    at,
    hint: 'PRIMARY KEY, UNIQUE, CHECK, NOT NULL and DEFAULT are.',
  })
}

function once(before: unknown, what: string, at: number): void {
  if (before !== undefined) throw new SqlError(Code.InvalidTableDefinition, `multiple ${what} are not allowed`, { at })
}
