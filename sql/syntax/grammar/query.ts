/** Queries: WITH, set operations, VALUES, and SELECT with its clauses in either order of SELECT and FROM. */
import type { ParserMethod } from '../chevrotain.js'
import * as t from '../tokens.js'
import type {
  CommonTable,
  Expr,
  GroupBy,
  Ident,
  Name,
  Query,
  QueryBody,
  Select,
  SelectExpr,
  SelectItem,
  SetOperation,
  SortItem,
  Star,
  TableRef,
  Values,
  WindowDefinition,
  With,
} from '../tree.js'
import { CallGrammar } from './call.js'

const [ALL, AS, BY, DISTINCT, EXCEPT, EXCLUDE, FETCH, FIRST, FROM, GROUP, HAVING, INTERSECT, LIMIT, NEXT, OFFSET] = [
  t.kw('all'),
  t.kw('as'),
  t.kw('by'),
  t.kw('distinct'),
  t.kw('except'),
  t.kw('exclude'),
  t.kw('fetch'),
  t.kw('first'),
  t.kw('from'),
  t.kw('group'),
  t.kw('having'),
  t.kw('intersect'),
  t.kw('limit'),
  t.kw('next'),
  t.kw('offset'),
]
const [ON, ONLY, QUALIFY, RECURSIVE, ROW, ROWS, SELECT, UNION, VALUES, WHERE, WINDOW, WITH] = [
  t.kw('on'),
  t.kw('only'),
  t.kw('qualify'),
  t.kw('recursive'),
  t.kw('row'),
  t.kw('rows'),
  t.kw('select'),
  t.kw('union'),
  t.kw('values'),
  t.kw('where'),
  t.kw('window'),
  t.kw('with'),
]

interface SelectList {
  readonly distinct: boolean
  readonly distinctOn: readonly Expr[]
  readonly items: readonly SelectItem[]
}

export abstract class QueryGrammar extends CallGrammar {
  abstract readonly tableRef: ParserMethod<[], TableRef>

  readonly query: ParserMethod<[], Query> = this.RULE('query', (): Query => {
    const start = this.mark()
    let ctes: With | undefined
    let orderBy: SortItem[] = []
    let limit: Expr | undefined
    let offset: Expr | undefined
    this.OPTION(() => {
      ctes = this.SUBRULE(this.with)
    })
    const body = this.SUBRULE(this.queryBody)
    this.OPTION1(() => {
      orderBy = this.SUBRULE(this.orderBy)
    })
    this.MANY(() => {
      this.OR([
        {
          GATE: () => limit === undefined,
          ALT: () => {
            this.CONSUME(LIMIT)
            this.OR1([{ ALT: () => this.CONSUME(ALL) }, { ALT: () => (limit = this.SUBRULE(this.value)) }])
          },
        },
        { GATE: () => limit === undefined, ALT: () => (limit = this.SUBRULE(this.fetch)) },
        {
          GATE: () => offset === undefined,
          ALT: () => {
            this.CONSUME(OFFSET)
            offset = this.SUBRULE1(this.value)
            this.OPTION2(() => this.OR2([{ ALT: () => this.CONSUME(ROW) }, { ALT: () => this.CONSUME(ROWS) }]))
          },
        },
      ])
    })
    return {
      kind: 'query',
      ...(ctes && { with: ctes }),
      body,
      orderBy,
      ...(limit && { limit }),
      ...(offset && { offset }),
      span: this.since(start),
    }
  })

  /** `FETCH FIRST 10 ROWS ONLY`; without a number, one row. */
  readonly fetch = this.RULE('fetch', (): Expr => {
    let count: Expr | undefined
    const start = this.mark()
    this.CONSUME(FETCH)
    this.OR([{ ALT: () => this.CONSUME(FIRST) }, { ALT: () => this.CONSUME(NEXT) }])
    this.OPTION({
      GATE: () => !this.nextIs(ONLY, 2),
      DEF: () => {
        count = this.SUBRULE(this.primary)
      },
    })
    this.OR1([{ ALT: () => this.CONSUME(ROW) }, { ALT: () => this.CONSUME(ROWS) }])
    this.CONSUME(ONLY)
    return count ?? { kind: 'number', text: '1', span: this.since(start) }
  })

  readonly with = this.RULE('with', (): With => {
    const start = this.mark()
    const tables: CommonTable[] = []
    let recursive = false
    this.CONSUME(WITH)
    this.OPTION({
      GATE: () => !this.nextIs(AS, 2) && !this.nextIs(t.LeftParen, 2),
      DEF: () => {
        this.CONSUME(RECURSIVE)
        recursive = true
      },
    })
    this.AT_LEAST_ONE_SEP({ SEP: t.Comma, DEF: () => tables.push(this.SUBRULE(this.commonTable)) })
    return { kind: 'with', recursive, tables, span: this.since(start) }
  })

  readonly commonTable = this.RULE('commonTable', (): CommonTable => {
    const start = this.mark()
    const name = this.SUBRULE(this.ident)
    let columns: Ident[] = []
    this.OPTION(() => {
      columns = this.SUBRULE(this.identList)
    })
    this.CONSUME(AS)
    this.CONSUME(t.LeftParen)
    const query = this.SUBRULE(this.query)
    this.CONSUME(t.RightParen)
    return { kind: 'common_table', name, columns, query, span: this.since(start) }
  })

  readonly queryBody = this.RULE('queryBody', (): QueryBody => {
    let left = this.SUBRULE(this.intersection)
    this.MANY(() => {
      const operator = this.OR<SetOperation['operator']>([
        { ALT: () => (this.CONSUME(UNION), 'union' as const) },
        { ALT: () => (this.CONSUME(EXCEPT), 'except' as const) },
      ])
      const all = this.SUBRULE(this.setQuantifier)
      const right = this.SUBRULE1(this.intersection)
      left = this.ACTION(() => setOperation(operator, all, left, right))
    })
    return left
  })

  /** INTERSECT binds tighter than UNION and EXCEPT. */
  readonly intersection = this.RULE('intersection', (): QueryBody => {
    let left = this.SUBRULE(this.queryTerm)
    this.MANY(() => {
      this.CONSUME(INTERSECT)
      const all = this.SUBRULE(this.setQuantifier)
      const right = this.SUBRULE1(this.queryTerm)
      left = this.ACTION(() => setOperation('intersect', all, left, right))
    })
    return left
  })

  readonly setQuantifier = this.RULE('setQuantifier', (): boolean => {
    let all = false
    this.OPTION(() => {
      this.OR([{ ALT: () => (this.CONSUME(ALL), (all = true)) }, { ALT: () => this.CONSUME(DISTINCT) }])
    })
    return all
  })

  readonly queryTerm = this.RULE('queryTerm', (): QueryBody =>
    this.OR<QueryBody>([
      { ALT: () => this.SUBRULE(this.select) },
      { ALT: () => this.SUBRULE(this.fromFirst) },
      { ALT: () => this.SUBRULE(this.values) },
      {
        ALT: () => {
          this.CONSUME(t.LeftParen)
          const query = this.SUBRULE(this.query)
          this.CONSUME(t.RightParen)
          return this.ACTION(() => (isBare(query) ? query.body : query))
        },
      },
    ]),
  )

  readonly values = this.RULE('values', (): Values => {
    const start = this.mark()
    const rows: Expr[][] = []
    this.CONSUME(VALUES)
    this.AT_LEAST_ONE_SEP({
      SEP: t.Comma,
      DEF: () => {
        this.CONSUME(t.LeftParen)
        rows.push(this.SUBRULE(this.expressions))
        this.CONSUME(t.RightParen)
      },
    })
    return { kind: 'values', rows, span: this.since(start) }
  })

  readonly select = this.RULE('select', (): Select => {
    const start = this.mark()
    let from: TableRef[] = []
    const list = this.SUBRULE(this.selectList)
    this.OPTION(() => {
      from = this.SUBRULE(this.from)
    })
    return this.SUBRULE(this.selectClauses, { ARGS: [list, from, start] })
  })

  readonly fromFirst = this.RULE('fromFirst', (): Select => {
    const start = this.mark()
    const from = this.SUBRULE(this.from)
    let list: SelectList = { distinct: false, distinctOn: [], items: [] }
    this.OPTION(() => {
      list = this.SUBRULE(this.selectList)
    })
    this.ACTION(() => {
      if (list.items.length === 0) list = { ...list, items: [{ kind: 'star', exclude: [], span: this.since(start) }] }
    })
    return this.SUBRULE(this.selectClauses, { ARGS: [list, from, start] })
  })

  readonly selectList = this.RULE('selectList', (): SelectList => {
    const items: SelectItem[] = []
    let distinctOn: Expr[] = []
    let distinct = false
    this.CONSUME(SELECT)
    this.OPTION(() =>
      this.OR([
        { ALT: () => this.CONSUME(ALL) },
        {
          ALT: () => {
            this.CONSUME(DISTINCT)
            distinct = true
            this.OPTION1(() => {
              this.CONSUME(ON)
              this.CONSUME(t.LeftParen)
              distinctOn = this.SUBRULE(this.expressions)
              this.CONSUME(t.RightParen)
            })
          },
        },
      ]),
    )
    this.AT_LEAST_ONE_SEP({ SEP: t.Comma, DEF: () => items.push(this.SUBRULE(this.selectItem)) })
    return { distinct, distinctOn, items }
  })

  readonly selectItem = this.RULE(
    'selectItem',
    (): SelectItem =>
      this.OR<SelectItem>({
        DEF: [
          { GATE: () => this.starAhead(), ALT: () => this.SUBRULE(this.star) },
          { ALT: () => this.SUBRULE(this.selectExpr) },
        ],
        IGNORE_AMBIGUITIES: true,
      }),
  )

  /** `*` or `a.b.*` */
  private starAhead(): boolean {
    let ahead = 1
    while (this.nextMatches(t.Label, ahead) && this.nextIs(t.Dot, ahead + 1)) ahead += 2
    return this.nextIs(t.Star, ahead)
  }

  readonly star = this.RULE('star', (): Star => {
    const start = this.mark()
    const parts: Ident[] = []
    let exclude: Ident[] = []
    this.MANY(() => {
      parts.push(this.SUBRULE(this.label))
      this.CONSUME(t.Dot)
    })
    const qualifierEnd = this.LA(0).startOffset
    this.CONSUME(t.Star)
    this.OPTION(() => {
      this.CONSUME(EXCLUDE)
      this.OR([
        { ALT: () => (exclude = this.SUBRULE(this.identList)) },
        { ALT: () => (exclude = [this.SUBRULE(this.ident)]) },
      ])
    })
    const qualifier: Name = { kind: 'name', parts, span: { start, end: qualifierEnd } }
    return { kind: 'star', ...(parts.length > 0 && { qualifier }), exclude, span: this.since(start) }
  })

  readonly selectExpr = this.RULE('selectExpr', (): SelectExpr => {
    const start = this.mark()
    const expr = this.SUBRULE(this.expression)
    let alias: Ident | undefined
    this.OPTION(() => {
      alias = this.OR([
        { ALT: () => (this.CONSUME(AS), this.SUBRULE(this.label)) },
        { ALT: () => this.SUBRULE(this.ident) },
      ])
    })
    return { kind: 'select_expr', expr, ...(alias && { alias }), span: this.since(start) }
  })

  readonly from = this.RULE('from', (): TableRef[] => {
    const list: TableRef[] = []
    this.CONSUME(FROM)
    this.AT_LEAST_ONE_SEP({ SEP: t.Comma, DEF: () => list.push(this.SUBRULE(this.tableRef)) })
    return list
  })

  readonly selectClauses = this.RULE('selectClauses', (list: SelectList, from: TableRef[], start: number): Select => {
    let where: Expr | undefined
    let groupBy: GroupBy | undefined
    let having: Expr | undefined
    let qualify: Expr | undefined
    const windows: WindowDefinition[] = []
    this.OPTION(() => (this.CONSUME(WHERE), (where = this.SUBRULE(this.expression))))
    this.OPTION1(() => (groupBy = this.SUBRULE(this.groupBy)))
    this.OPTION2(() => (this.CONSUME(HAVING), (having = this.SUBRULE1(this.expression))))
    this.OPTION3(() => {
      this.CONSUME(WINDOW)
      this.AT_LEAST_ONE_SEP({ SEP: t.Comma, DEF: () => windows.push(this.SUBRULE(this.windowDefinition)) })
    })
    this.OPTION4(() => (this.CONSUME(QUALIFY), (qualify = this.SUBRULE2(this.expression))))
    return {
      kind: 'select',
      ...list,
      from,
      ...(where && { where }),
      ...(groupBy && { groupBy }),
      ...(having && { having }),
      windows,
      ...(qualify && { qualify }),
      span: this.since(start),
    }
  })

  readonly groupBy = this.RULE('groupBy', (): GroupBy => {
    const start = this.mark()
    let all = false
    let items: Expr[] = []
    this.CONSUME(GROUP)
    this.CONSUME(BY)
    this.OR([
      { ALT: () => (this.CONSUME(ALL), (all = true)) },
      { ALT: () => (items = this.SUBRULE(this.expressions)) },
    ])
    return { kind: 'group_by', all, items, span: this.since(start) }
  })

  readonly windowDefinition = this.RULE('windowDefinition', (): WindowDefinition => {
    const start = this.mark()
    const name = this.SUBRULE(this.ident)
    this.CONSUME(AS)
    const spec = this.SUBRULE(this.windowSpec)
    return { kind: 'window_definition', name, spec, span: this.since(start) }
  })
}

/** A query in parentheses that adds nothing to its body needs no node of its own. */
function isBare(query: Query): boolean {
  return !query.with && query.orderBy.length === 0 && !query.limit && !query.offset
}

function setOperation(operator: SetOperation['operator'], all: boolean, left: QueryBody, right: QueryBody): SetOperation {
  return { kind: 'set_operation', operator, all, left, right, span: { start: left.span.start, end: right.span.end } }
}
