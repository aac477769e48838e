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
  TimeWindow,
} from '../tree.js'
import { QueryGrammar } from './query.js'

const [ORDINALITY, WITH] = [t.kw('ordinality'), t.kw('with')]
const [
  AS,
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
const NOT_ALIASES = new Set([FORMAT, SET])

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
    let kind: Join['join'] = 'inner'
    let on: Expr | undefined
    let using: Ident[] | undefined
    this.OPTION(() => {
      this.CONSUME(NATURAL)
      natural = true
    })
    this.OPTION1(() =>
      this.OR([
        { ALT: () => this.CONSUME(INNER) },
        {
          GATE: () => !natural,
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
                ALT: () => {
                  this.CONSUME(RIGHT)
                  return 'right' as const
                },
              },
              {
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
              return this.OR1<TableRef>([
                { ALT: () => this.SUBRULE1(this.derivedTable, { ARGS: [true] }) },
                { ALT: () => this.SUBRULE2(this.namedTable, { ARGS: [true] }) },
              ])
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
        this.CONSUME(WITH)
        this.CONSUME(ORDINALITY)
        ordinality = true
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
    const base = { ...(alias && { alias }), span: this.since(start) }
    return this.ACTION((): TableName | TableFunction | TimeWindow => {
      if (given === undefined) return { kind: 'table_name', name, ...(asOf && { asOf }), ...base }
      const window = name.parts.length === 1 ? windowNamed(name.parts[0]!.name) : undefined
      if (window !== undefined) return { ...timeWindow(window, name, given), ...base }
      return { kind: 'table_function', name, args: given.args, lateral, ordinality, ...base }
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

  readonly tableAlias = this.RULE('tableAlias', (): TableAlias | undefined => {
    const start = this.mark()
    let name: Ident | undefined
    let columns: Ident[] = []
    this.OPTION({
      GATE: () => !NOT_ALIASES.has(this.LA(1).tokenType) && !this.asOfAhead(),
      DEF: () => {
        this.OPTION1(() => this.CONSUME(AS))
        name = this.SUBRULE(this.ident)
        this.OPTION2(() => {
          columns = this.SUBRULE(this.identList)
        })
      },
    })
    return name && { kind: 'table_alias', name, columns, span: this.since(start) }
  })
}

interface TableArguments {
  readonly args: readonly Expr[]
  /** Of the table among them. */
  readonly partitionBy: Expr | undefined
}

type WindowParts = Omit<TimeWindow, 'alias' | 'span'>

/** The arguments by position: source, time, [slide,] size [, offset]. */
const USAGE: Readonly<Record<TimeWindow['window'], string>> = {
  tumble: 'TUMBLE(table, time, size [, offset])',
  hop: 'HOP(table, time, slide, size [, offset])',
  cumulate: 'CUMULATE(table, time, step, size [, offset])',
  session: 'SESSION(table [PARTITION BY column], time, gap)',
}

function windowNamed(name: string): TimeWindow['window'] | undefined {
  return Object.hasOwn(USAGE, name) ? (name as TimeWindow['window']) : undefined
}

function timeWindow(window: TimeWindow['window'], name: Name, { args, partitionBy }: TableArguments): WindowParts {
  const hint = `Write ${USAGE[window]}.`
  const durations = args.slice(2)
  const slide = window === 'hop' || window === 'cumulate' ? durations.shift() : undefined
  const [size, offset] = durations
  const [first, second] = args
  const source = first && sourceOf(first)
  if (size === undefined || second === undefined || durations.length > (window === 'session' ? 1 : 2)) {
    const message = `${window} does not take ${args.length} arguments`
    throw new SqlError(Code.UndefinedFunction, message, { at: name.span, hint })
  }
  if (source === undefined) {
    const message = `the first argument of ${window} must be a table or a query in parentheses`
    throw new SqlError(Code.SyntaxError, message, { at: first?.span, hint })
  }
  if (partitionBy !== undefined && window !== 'session') {
    const message = `${window} does not take PARTITION BY`
    throw new SqlError(Code.SyntaxError, message, {
      at: partitionBy.span,
      hint: 'Its windows are the same for all rows.',
    })
  }
  const time =
    second.kind === 'call' && second.name.parts[0]?.name === 'descriptor' ? (second.args[0] ?? second) : second
  const partitions = partitionBy?.kind === 'row' ? partitionBy.items : partitionBy ? [partitionBy] : []
  const parts: WindowParts = { kind: 'time_window', window, source, partitionBy: partitions, time, size }
  return { ...parts, ...(slide && { slide }), ...(offset && { offset }) }
}

function sourceOf(expr: Expr): TableName | DerivedTable | undefined {
  if (expr.kind === 'subquery') return { kind: 'derived_table', query: expr.query, lateral: false, span: expr.span }
  if (expr.kind !== 'column') return undefined
  return { kind: 'table_name', name: { kind: 'name', parts: expr.parts, span: expr.span }, span: expr.span }
}
