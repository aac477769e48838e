/** What stands in FROM: names, subqueries, table functions, time windows, and joins of these. */
import { Code } from '../../diag/codes.js'
import { SqlError } from '../../diag/error.js'
import type { ParserMethod } from '../chevrotain.js'
import * as t from '../tokens.js'
import type {
  AsOf,
  DerivedTable,
  Expr,
  Ident,
  Join,
  Name,
  TableAlias,
  TableFunction,
  TableName,
  TableRef,
  TableSample,
  TimeWindow,
  TypeName,
} from '../tree.js'
import { QueryGrammar } from './query.js'
import { type TableArguments, timeWindow, windowNamed } from './time-window.js'

const [FROM, ORDINALITY, REPEATABLE, ROWS, TABLESAMPLE, WITH] = [
  t.kw('from'),
  t.kw('ordinality'),
  t.kw('repeatable'),
  t.kw('rows'),
  t.kw('tablesample'),
  t.kw('with'),
]
const [
  AS,
  ASOF,
  BY,
  CROSS,
  FORMAT,
  FULL,
  INNER,
  JOIN,
  LATERAL,
  LEFT,
  NATURAL,
  ON,
  OUTER,
  PARTITION,
  RIGHT,
  SET,
  TABLE,
  USING,
] = [
  t.kw('as'),
  t.kw('asof'),
  t.kw('by'),
  t.kw('cross'),
  t.kw('format'),
  t.kw('full'),
  t.kw('inner'),
  t.kw('join'),
  t.kw('lateral'),
  t.kw('left'),
  t.kw('natural'),
  t.kw('on'),
  t.kw('outer'),
  t.kw('partition'),
  t.kw('right'),
  t.kw('set'),
  t.kw('table'),
  t.kw('using'),
]
/** Words that go on with the statement after a table, so they are aliases only after AS. */
const NOT_ALIASES = new Set([FORMAT, SET, TABLESAMPLE])

export abstract class TableRefGrammar extends QueryGrammar {
  readonly tableRef: ParserMethod<[], TableRef> = this.RULE('tableRef', (): TableRef => {
    const start = this.mark()
    let left = this.SUBRULE(this.tableFactor)
    this.MANY(() => {
      const outer = left
      left = this.SUBRULE(this.joinTail, { ARGS: [outer, start] })
    })
    return left
  })

  readonly joinTail = this.RULE('joinTail', (left: TableRef, start: number): Join => {
    let natural = false
    let nearest = false as boolean
    let kind: Join['join'] = 'inner'
    let on: Expr | undefined
    let using: Ident[] | undefined
    this.OPTION(() =>
      this.OR3([
        {
          ALT: () => {
            this.CONSUME(NATURAL)
            natural = true
          },
        },
        {
          ALT: () => {
            this.CONSUME(ASOF)
            nearest = true
          },
        },
      ]),
    )
    this.OPTION1(() =>
      this.OR([
        { ALT: () => this.CONSUME(INNER) },
        {
          GATE: () => !natural && !nearest,
          ALT: () => {
            this.CONSUME(CROSS)
            kind = 'cross'
          },
        },
        {
          ALT: () => {
            kind = this.OR1([
              {
                ALT: () => {
                  this.CONSUME(LEFT)
                  return 'left' as const
                },
              },
              {
                GATE: () => !nearest,
                ALT: () => {
                  this.CONSUME(RIGHT)
                  return 'right' as const
                },
              },
              {
                GATE: () => !nearest,
                ALT: () => {
                  this.CONSUME(FULL)
                  return 'full' as const
                },
              },
            ])
            this.OPTION2(() => this.CONSUME(OUTER))
          },
        },
      ]),
    )
    this.CONSUME(JOIN)
    const right = this.SUBRULE(this.tableFactor)
    // A join that must say how fails here, at the token that stands in the place of ON.
    this.OPTION3({
      GATE: () => !natural && kind !== 'cross',
      DEF: () =>
        this.OR2([
          {
            ALT: () => {
              this.CONSUME(ON)
              on = this.SUBRULE(this.expression)
            },
          },
          {
            ALT: () => {
              this.CONSUME(USING)
              using = this.SUBRULE(this.identList)
            },
          },
        ]),
    })
    this.ACTION(() => {
      if (!natural && kind !== 'cross' && on === undefined && using === undefined) this.CONSUME1(ON)
    })
    return {
      kind: 'join',
      join: kind,
      natural,
      ...(nearest && { asof: true as const }),
      left,
      right,
      ...(on && { on }),
      ...(using && { using }),
      span: this.since(start),
    }
  })

  readonly tableFactor = this.RULE(
    'tableFactor',
    (): TableRef =>
      this.OR<TableRef>({
        DEF: [
          {
            // `TABLE(TUMBLE(…))` is the SQL standard's spelling of a table function.
            GATE: () => this.nextIs(TABLE) && this.nextIs(t.LeftParen, 2),
            ALT: () => {
              this.CONSUME(TABLE)
              this.CONSUME1(t.LeftParen)
              const inner = this.SUBRULE1(this.namedTable, { ARGS: [false] })
              this.CONSUME1(t.RightParen)
              const alias = this.SUBRULE(this.tableAlias)
              return alias === undefined ? inner : { ...inner, alias }
            },
          },
          {
            GATE: () => this.nextIs(ROWS) && this.nextIs(FROM, 2),
            ALT: () => this.SUBRULE(this.rowsFrom, { ARGS: [false] }),
          },
          { ALT: () => this.SUBRULE(this.namedTable, { ARGS: [false] }) },
          { GATE: () => this.queryInParens(), ALT: () => this.SUBRULE(this.derivedTable, { ARGS: [false] }) },
          {
            ALT: () => {
              this.CONSUME(t.LeftParen)
              const inner = this.SUBRULE(this.tableRef)
              this.CONSUME(t.RightParen)
              return inner
            },
          },
          {
            ALT: () => {
              this.CONSUME(LATERAL)
              return this.OR1<TableRef>({
                DEF: [
                  { ALT: () => this.SUBRULE1(this.derivedTable, { ARGS: [true] }) },
                  {
                    GATE: () => this.nextIs(ROWS) && this.nextIs(FROM, 2),
                    ALT: () => this.SUBRULE1(this.rowsFrom, { ARGS: [true] }),
                  },
                  { ALT: () => this.SUBRULE2(this.namedTable, { ARGS: [true] }) },
                ],
                IGNORE_AMBIGUITIES: true,
              })
            },
          },
        ],
        IGNORE_AMBIGUITIES: true,
      }),
  )

  readonly derivedTable = this.RULE('derivedTable', (lateral: boolean): DerivedTable => {
    const start = this.mark()
    this.CONSUME(t.LeftParen)
    const query = this.SUBRULE(this.query)
    this.CONSUME(t.RightParen)
    const alias = this.SUBRULE(this.tableAlias)
    return { kind: 'derived_table', query, lateral, ...(alias && { alias }), span: this.since(start) }
  })

  readonly namedTable = this.RULE('namedTable', (lateral: boolean): TableName | TableFunction | TimeWindow => {
    const start = this.mark()
    const name = this.SUBRULE(this.name)
    let given: TableArguments | undefined
    this.OPTION({
      GATE: () => this.nextIs(t.LeftParen),
      DEF: () => {
        given = this.SUBRULE(this.tableArguments)
      },
    })
    let ordinality = false
    this.OPTION3({
      GATE: () => given !== undefined && this.nextIs(ORDINALITY, 2),
      DEF: () => {
        ordinality = this.SUBRULE(this.withOrdinality)
      },
    })
    let alias = this.SUBRULE(this.tableAlias)
    let asOf: AsOf | undefined
    this.OPTION1({
      GATE: () => given === undefined && this.asOfAhead(),
      DEF: () => {
        asOf = this.SUBRULE(this.asOf)
        this.OPTION2({
          GATE: () => alias === undefined,
          DEF: () => {
            alias = this.SUBRULE1(this.tableAlias)
          },
        })
      },
    })
    let sample: TableSample | undefined
    this.OPTION4({
      GATE: () => given === undefined,
      DEF: () => {
        sample = this.SUBRULE(this.tableSample)
      },
    })
    const base = { ...(alias && { alias }), span: this.since(start) }
    return this.ACTION((): TableName | TableFunction | TimeWindow => {
      if (given === undefined)
        return { kind: 'table_name', name, ...(asOf && { asOf }), ...(sample && { sample }), ...base }
      const window = name.parts.length === 1 ? windowNamed(name.parts[0]!.name) : undefined
      if (window !== undefined) return { ...timeWindow(window, name, given), ...base }
      return { kind: 'table_function', name, args: given.args, ...(ordinality && { ordinality }), lateral, ...base }
    })
  })

  /** `TABLESAMPLE BERNOULLI (10) REPEATABLE (42)` */
  readonly tableSample = this.RULE('tableSample', (): TableSample => {
    const start = this.mark()
    let seed: Expr | undefined
    this.CONSUME(TABLESAMPLE)
    const method = this.SUBRULE(this.ident)
    this.CONSUME(t.LeftParen)
    const args = this.SUBRULE(this.expressions)
    this.CONSUME(t.RightParen)
    this.OPTION(() => {
      this.CONSUME(REPEATABLE)
      this.CONSUME1(t.LeftParen)
      seed = this.SUBRULE(this.expression)
      this.CONSUME1(t.RightParen)
    })
    return { kind: 'table_sample', method, args, ...(seed && { seed }), span: this.since(start) }
  })

  readonly withOrdinality = this.RULE('withOrdinality', (): true => {
    this.CONSUME(WITH)
    this.CONSUME(ORDINALITY)
    return true
  })

  /** `ROWS FROM (f(…), g(…))`: the rows of several functions side by side. */
  readonly rowsFrom = this.RULE('rowsFrom', (lateral: boolean): TableFunction => {
    const start = this.mark()
    const functions: { name: Name; args: readonly Expr[] }[] = []
    let ordinality = false
    this.CONSUME(ROWS)
    this.CONSUME(FROM)
    this.CONSUME(t.LeftParen)
    this.AT_LEAST_ONE_SEP({
      SEP: t.Comma,
      DEF: () => {
        const name = this.SUBRULE(this.name)
        const given = this.SUBRULE(this.tableArguments)
        this.ACTION(() => functions.push({ name, args: given.args }))
      },
    })
    this.CONSUME(t.RightParen)
    this.OPTION(() => {
      ordinality = this.SUBRULE(this.withOrdinality)
    })
    const alias = this.SUBRULE(this.tableAlias)
    const span = this.since(start)
    return this.ACTION((): TableFunction => {
      const [first, ...beside] = functions
      return {
        kind: 'table_function',
        ...first!,
        ...(beside.length > 0 && { beside }),
        ...(ordinality && { ordinality }),
        lateral,
        ...(alias && { alias }),
        span,
      }
    })
  })

  readonly tableArguments = this.RULE('tableArguments', (): TableArguments => {
    const args: Expr[] = []
    let partitionBy: Expr | undefined
    this.CONSUME(t.LeftParen)
    this.MANY_SEP({
      SEP: t.Comma,
      DEF: () => {
        // `TUMBLE(TABLE t, …)` is the SQL standard's spelling.
        this.OPTION(() => this.CONSUME(TABLE))
        args.push(this.SUBRULE(this.expression))
        this.OPTION1(() => {
          this.CONSUME(PARTITION)
          this.CONSUME(BY)
          partitionBy = this.SUBRULE1(this.expression)
        })
      },
    })
    this.CONSUME(t.RightParen)
    return { args, partitionBy }
  })

  /** "asof" alone may be an alias. */
  private asofJoinAhead(): boolean {
    return this.nextIs(ASOF) && [INNER, LEFT, RIGHT, FULL, JOIN].some((word) => this.nextIs(word, 2))
  }

  readonly tableAlias = this.RULE('tableAlias', (): TableAlias | undefined => {
    const start = this.mark()
    let name: Ident | undefined
    const columns: Ident[] = []
    const types: TypeName[] = []
    this.OPTION({
      GATE: () => !NOT_ALIASES.has(this.LA(1).tokenType) && !this.asOfAhead() && !this.asofJoinAhead(),
      DEF: () => {
        this.OPTION1(() => this.CONSUME(AS))
        name = this.SUBRULE(this.ident)
        this.OPTION2(() => {
          this.CONSUME(t.LeftParen)
          this.AT_LEAST_ONE_SEP({
            SEP: t.Comma,
            DEF: () => {
              columns.push(this.SUBRULE1(this.ident))
              this.OPTION3({
                GATE: () => !this.nextIs(t.Comma) && !this.nextIs(t.RightParen),
                DEF: () => types.push(this.SUBRULE(this.typeName)),
              })
            },
          })
          const end = this.CONSUME(t.RightParen)
          this.ACTION(() => {
            if (types.length > 0 && types.length < columns.length)
              throw new SqlError(Code.SyntaxError, 'a column definition list needs a type for each column', {
                at: end.startOffset,
              })
          })
        })
      },
    })
    return (
      name && {
        kind: 'table_alias',
        name,
        columns,
        ...(types.length > 0 && { types }),
        span: this.since(start),
      }
    )
  })
}
