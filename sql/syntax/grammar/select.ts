/** SELECT with its clauses, in either order of SELECT and FROM. */
import type { ParserMethod, TokenType } from '../chevrotain.js'
import * as t from '../tokens.js'
import type {
  Expr,
  GroupBy,
  GroupItem,
  GroupingSets,
  Ident,
  Name,
  Replacement,
  Select,
  SelectExpr,
  SelectItem,
  Star,
  TableRef,
  WindowDefinition,
} from '../tree.js'
import { CallGrammar } from './call.js'

const [CUBE, GROUPING, REPLACE, ROLLUP, SETS] = [
  t.kw('cube'),
  t.kw('grouping'),
  t.kw('replace'),
  t.kw('rollup'),
  t.kw('sets'),
]
const [ALL, AS, BY, DISTINCT, EXCLUDE, FROM, GROUP, HAVING, ON, QUALIFY, SELECT, WHERE, WINDOW] = [
  t.kw('all'),
  t.kw('as'),
  t.kw('by'),
  t.kw('distinct'),
  t.kw('exclude'),
  t.kw('from'),
  t.kw('group'),
  t.kw('having'),
  t.kw('on'),
  t.kw('qualify'),
  t.kw('select'),
  t.kw('where'),
  t.kw('window'),
]

interface SelectList {
  readonly distinct: boolean
  readonly distinctOn: readonly Expr[]
  readonly items: readonly SelectItem[]
}

export abstract class SelectGrammar extends CallGrammar {
  abstract readonly tableRef: ParserMethod<[], TableRef>

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
      if (list.items.length === 0)
        list = { ...list, items: [{ kind: 'star', exclude: [], replace: [], span: this.since(start) }] }
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
        {
          ALT: () => {
            exclude = this.SUBRULE(this.identList)
          },
        },
        {
          ALT: () => {
            exclude = [this.SUBRULE(this.ident)]
          },
        },
      ])
    })
    const replace: Replacement[] = []
    this.OPTION1({
      GATE: () => this.nextIs(t.LeftParen, 2),
      DEF: () => {
        this.CONSUME(REPLACE)
        this.CONSUME(t.LeftParen)
        this.AT_LEAST_ONE_SEP({ SEP: t.Comma, DEF: () => replace.push(this.SUBRULE(this.replacement)) })
        this.CONSUME(t.RightParen)
      },
    })
    const qualifier: Name = { kind: 'name', parts, span: { start, end: qualifierEnd } }
    return { kind: 'star', ...(parts.length > 0 && { qualifier }), exclude, replace, span: this.since(start) }
  })

  readonly replacement = this.RULE('replacement', (): Replacement => {
    const start = this.mark()
    const expr = this.SUBRULE(this.expression)
    this.CONSUME(AS)
    const name = this.SUBRULE(this.ident)
    return { kind: 'replacement', expr, name, span: this.since(start) }
  })

  readonly selectExpr = this.RULE('selectExpr', (): SelectExpr => {
    const start = this.mark()
    const expr = this.SUBRULE(this.expression)
    let alias: Ident | undefined
    this.OPTION({
      GATE: () => !this.asOfAhead(),
      DEF: () => {
        alias = this.OR([
          {
            ALT: () => {
              this.CONSUME(AS)
              return this.SUBRULE(this.label)
            },
          },
          { ALT: () => this.SUBRULE(this.ident) },
        ])
      },
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
    this.OPTION(() => {
      this.CONSUME(WHERE)
      where = this.SUBRULE(this.expression)
    })
    this.OPTION1(() => {
      groupBy = this.SUBRULE(this.groupBy)
    })
    this.OPTION2(() => {
      this.CONSUME(HAVING)
      having = this.SUBRULE1(this.expression)
    })
    this.OPTION3(() => {
      this.CONSUME(WINDOW)
      this.AT_LEAST_ONE_SEP({ SEP: t.Comma, DEF: () => windows.push(this.SUBRULE(this.windowDefinition)) })
    })
    this.OPTION4(() => {
      this.CONSUME(QUALIFY)
      qualify = this.SUBRULE2(this.expression)
    })
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
    let items: GroupItem[] = []
    this.CONSUME(GROUP)
    this.CONSUME(BY)
    this.OR([
      {
        ALT: () => {
          this.CONSUME(ALL)
          all = true
        },
      },
      {
        ALT: () => {
          items = this.SUBRULE(this.groupItems)
        },
      },
    ])
    return { kind: 'group_by', all, items, span: this.since(start) }
  })

  readonly groupItems = this.RULE('groupItems', (): GroupItem[] => {
    const items: GroupItem[] = []
    this.AT_LEAST_ONE_SEP({ SEP: t.Comma, DEF: () => items.push(this.SUBRULE(this.groupItem)) })
    return items
  })

  readonly groupItem: ParserMethod<[], GroupItem> = this.RULE('groupItem', (): GroupItem => {
    const start = this.mark()
    const call = (word: TokenType) => this.nextIs(word) && this.nextIs(t.LeftParen, 2)
    return this.OR<GroupItem>({
      DEF: [
        {
          GATE: () => call(ROLLUP) || call(CUBE) || (this.nextIs(GROUPING) && this.nextIs(SETS, 2)),
          ALT: (): GroupingSets => {
            const form = this.OR1<GroupingSets['form']>([
              {
                ALT: () => {
                  this.CONSUME(ROLLUP)
                  return 'rollup' as const
                },
              },
              {
                ALT: () => {
                  this.CONSUME(CUBE)
                  return 'cube' as const
                },
              },
              {
                ALT: () => {
                  this.CONSUME(GROUPING)
                  this.CONSUME(SETS)
                  return 'sets' as const
                },
              },
            ])
            this.CONSUME(t.LeftParen)
            const items = this.SUBRULE(this.groupItems)
            this.CONSUME(t.RightParen)
            return { kind: 'grouping_sets', form, items, span: this.since(start) }
          },
        },
        {
          GATE: () => this.nextIs(t.LeftParen) && this.nextIs(t.RightParen, 2),
          ALT: (): GroupItem => {
            this.CONSUME1(t.LeftParen)
            this.CONSUME1(t.RightParen)
            return { kind: 'row', items: [], span: this.since(start) }
          },
        },
        { ALT: () => this.SUBRULE(this.expression) },
      ],
      IGNORE_AMBIGUITIES: true,
    })
  })

  readonly windowDefinition = this.RULE('windowDefinition', (): WindowDefinition => {
    const start = this.mark()
    const name = this.SUBRULE(this.ident)
    this.CONSUME(AS)
    const spec = this.SUBRULE(this.windowSpec)
    return { kind: 'window_definition', name, spec, span: this.since(start) }
  })
}
