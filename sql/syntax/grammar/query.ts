/** Queries around their SELECTs: WITH, set operations, VALUES, limits. */
import type { ParserMethod } from '../chevrotain.js'
import * as t from '../tokens.js'
import type { AsOf, CommonTable, Expr, Ident, Query, QueryBody, SetOperation, SortItem, Values, With } from '../tree.js'
import { liftAsOf } from './as-of.js'
import { SelectGrammar } from './select.js'

const [
  ALL,
  AS,
  DISTINCT,
  EPOCH,
  EXCEPT,
  FETCH,
  FIRST,
  INTERSECT,
  LIMIT,
  MATERIALIZED,
  NEXT,
  NOT,
  OF,
  OFFSET,
  ONLY,
  RECURSIVE,
  ROW,
  ROWS,
  TIES,
  TIMESTAMP,
  UNION,
  VALUES,
  WITH,
] = [
  t.kw('all'),
  t.kw('as'),
  t.kw('distinct'),
  t.kw('epoch'),
  t.kw('except'),
  t.kw('fetch'),
  t.kw('first'),
  t.kw('intersect'),
  t.kw('limit'),
  t.kw('materialized'),
  t.kw('next'),
  t.kw('not'),
  t.kw('of'),
  t.kw('offset'),
  t.kw('only'),
  t.kw('recursive'),
  t.kw('row'),
  t.kw('rows'),
  t.kw('ties'),
  t.kw('timestamp'),
  t.kw('union'),
  t.kw('values'),
  t.kw('with'),
]

export abstract class QueryGrammar extends SelectGrammar {
  readonly query: ParserMethod<[], Query> = this.RULE('query', (): Query => {
    const start = this.mark()
    let ctes: With | undefined
    let orderBy: SortItem[] = []
    let limit: Expr | undefined
    let offset: Expr | undefined
    let withTies: boolean | undefined
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
            this.OR1([
              { ALT: () => this.CONSUME(ALL) },
              {
                ALT: () => {
                  limit = this.SUBRULE(this.value)
                },
              },
            ])
          },
        },
        {
          GATE: () => limit === undefined,
          ALT: () => {
            const fetch = this.SUBRULE(this.fetch)
            limit = fetch.count
            withTies = fetch.withTies
          },
        },
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
    let asOf: AsOf | undefined
    this.OPTION3({
      GATE: () => this.asOfAhead(),
      DEF: () => {
        asOf = this.SUBRULE(this.asOf)
      },
    })
    const query: Query = {
      kind: 'query',
      ...(ctes && { with: ctes }),
      body,
      orderBy,
      ...(limit && { limit }),
      ...(withTies === true && { withTies }),
      ...(offset && { offset }),
      ...(asOf && { asOf }),
      span: this.since(start),
    }
    return this.ACTION(() => (asOf === undefined ? liftAsOf(query) : query))
  })

  readonly asOf = this.RULE('asOf', (): AsOf => {
    const start = this.mark()
    this.CONSUME(AS)
    this.CONSUME(OF)
    const unit = this.OR<AsOf['unit']>([
      {
        ALT: () => {
          this.CONSUME(EPOCH)
          return 'epoch' as const
        },
      },
      {
        ALT: () => {
          this.CONSUME(TIMESTAMP)
          return 'timestamp' as const
        },
      },
    ])
    const value = this.SUBRULE(this.value)
    return { kind: 'as_of', unit, value, span: this.since(start) }
  })

  /** `FETCH FIRST 10 ROWS ONLY`; without a number, one row. */
  readonly fetch = this.RULE('fetch', (): { count: Expr; withTies: boolean } => {
    let count: Expr | undefined
    let withTies = false
    const start = this.mark()
    this.CONSUME(FETCH)
    this.OR([{ ALT: () => this.CONSUME(FIRST) }, { ALT: () => this.CONSUME(NEXT) }])
    this.OPTION({
      GATE: () => !this.nextIs(ONLY, 2) && !this.nextIs(WITH, 2),
      DEF: () => {
        count = this.SUBRULE(this.primary)
      },
    })
    this.OR1([{ ALT: () => this.CONSUME(ROW) }, { ALT: () => this.CONSUME(ROWS) }])
    this.OR2([
      { ALT: () => this.CONSUME(ONLY) },
      {
        ALT: () => {
          this.CONSUME(WITH)
          this.CONSUME(TIES)
          withTies = true
        },
      },
    ])
    return { count: count ?? { kind: 'number', text: '1', span: this.since(start) }, withTies }
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
    let materialized: boolean | undefined
    this.CONSUME(AS)
    this.OPTION1(() => {
      materialized = true
      this.OPTION2(() => {
        this.CONSUME(NOT)
        materialized = false
      })
      this.CONSUME(MATERIALIZED)
    })
    this.CONSUME(t.LeftParen)
    const query = this.SUBRULE(this.query)
    this.CONSUME(t.RightParen)
    return {
      kind: 'common_table',
      name,
      columns,
      ...(materialized !== undefined && { materialized }),
      query,
      span: this.since(start),
    }
  })

  readonly queryBody = this.RULE('queryBody', (): QueryBody => {
    let left = this.SUBRULE(this.intersection)
    this.MANY(() => {
      const operator = this.OR<SetOperation['operator']>([
        {
          ALT: () => {
            this.CONSUME(UNION)
            return 'union' as const
          },
        },
        {
          ALT: () => {
            this.CONSUME(EXCEPT)
            return 'except' as const
          },
        },
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
      this.OR([
        {
          ALT: () => {
            this.CONSUME(ALL)
            all = true
          },
        },
        { ALT: () => this.CONSUME(DISTINCT) },
      ])
    })
    return all
  })

  readonly queryTerm = this.RULE(
    'queryTerm',
    (): QueryBody =>
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
}

/** A query in parentheses that adds nothing to its body needs no node of its own. */
function isBare(query: Query): boolean {
  return !query.with && query.orderBy.length === 0 && !query.limit && !query.offset && !query.asOf
}

function setOperation(
  operator: SetOperation['operator'],
  all: boolean,
  left: QueryBody,
  right: QueryBody,
): SetOperation {
  return { kind: 'set_operation', operator, all, left, right, span: { start: left.span.start, end: right.span.end } }
}
