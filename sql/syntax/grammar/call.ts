/** Function calls with all that can follow the name: DISTINCT, ORDER BY, FILTER, OVER, and the windows themselves. */
import type { ParserMethod } from '../chevrotain.js'
import * as t from '../tokens.js'
import type { Call, Expr, Frame, FrameBound, Ident, Name, SortItem, WindowName, WindowSpec } from '../tree.js'
import { PrimaryGrammar } from './primary.js'

const [ALL, AND, ASC, BETWEEN, BY, CURRENT, DESC, DISTINCT, EXCLUDE, FIRST, FOLLOWING, GROUP, GROUPS, IGNORE] = [
  t.kw('all'),
  t.kw('and'),
  t.kw('asc'),
  t.kw('between'),
  t.kw('by'),
  t.kw('current'),
  t.kw('desc'),
  t.kw('distinct'),
  t.kw('exclude'),
  t.kw('first'),
  t.kw('following'),
  t.kw('group'),
  t.kw('groups'),
  t.kw('ignore'),
]
const [LAST, NO, NULLS, ORDER, OVER, PARTITION, PRECEDING, RANGE, RESPECT, ROW, ROWS, TIES, UNBOUNDED, WHERE] = [
  t.kw('last'),
  t.kw('no'),
  t.kw('nulls'),
  t.kw('order'),
  t.kw('over'),
  t.kw('partition'),
  t.kw('preceding'),
  t.kw('range'),
  t.kw('respect'),
  t.kw('row'),
  t.kw('rows'),
  t.kw('ties'),
  t.kw('unbounded'),
  t.kw('where'),
]
const OTHERS = t.kw('others')
const WINDOW_WORDS = new Set([PARTITION, ROWS, RANGE, GROUPS])

export abstract class CallGrammar extends PrimaryGrammar {
  /** From the "(" on; the name is taken already. */
  readonly callOf: ParserMethod<[Name, number], Call> = this.RULE('callOf', (name: Name, start: number): Call => {
    let star = false
    let distinct = false
    let args: Expr[] = []
    let orderBy: SortItem[] = []
    let withinGroup: SortItem[] | undefined
    let filter: Expr | undefined
    let nulls: Call['nulls']
    let over: Call['over']
    this.CONSUME(t.LeftParen)
    this.OPTION(() =>
      this.OR([
        {
          ALT: () => {
            this.CONSUME(t.Star)
            star = true
          },
        },
        {
          ALT: () => {
            this.OPTION1(() =>
              this.OR1([
                {
                  ALT: () => {
                    this.CONSUME(DISTINCT)
                    distinct = true
                  },
                },
                { ALT: () => this.CONSUME(ALL) },
              ]),
            )
            args = this.SUBRULE(this.expressions)
            this.OPTION2(() => {
              orderBy = this.SUBRULE(this.orderBy)
            })
            // The standard has it behind the call; others write it within.
            this.OPTION7({
              GATE: () => this.nextIs(NULLS, 2),
              DEF: () => {
                nulls = this.SUBRULE(this.nullTreatment)
              },
            })
          },
        },
      ]),
    )
    this.CONSUME(t.RightParen)
    this.OPTION6(() => {
      this.CONSUME(t.WithinHead)
      this.CONSUME(GROUP)
      this.CONSUME2(t.LeftParen)
      withinGroup = this.SUBRULE1(this.orderBy)
      this.CONSUME2(t.RightParen)
    })
    this.OPTION3(() => {
      this.CONSUME(t.FilterHead)
      this.CONSUME1(t.LeftParen)
      this.CONSUME(WHERE)
      filter = this.SUBRULE(this.expression)
      this.CONSUME1(t.RightParen)
    })
    this.OPTION4({
      GATE: () => this.nextIs(NULLS, 2),
      DEF: () => {
        nulls = this.SUBRULE1(this.nullTreatment)
      },
    })
    this.OPTION5(() => {
      this.CONSUME(OVER)
      over = this.OR3<WindowName | WindowSpec>([
        { ALT: () => this.SUBRULE(this.windowSpec) },
        { ALT: () => this.SUBRULE(this.windowName) },
      ])
    })
    return {
      kind: 'call',
      name,
      args,
      star,
      distinct,
      orderBy,
      ...(withinGroup && { withinGroup }),
      ...(filter && { filter }),
      ...(nulls && { nulls }),
      ...(over && { over }),
      span: this.since(start),
    }
  })

  readonly nullTreatment = this.RULE('nullTreatment', (): 'ignore' | 'respect' => {
    const nulls = this.OR<'ignore' | 'respect'>([
      {
        ALT: () => {
          this.CONSUME(IGNORE)
          return 'ignore'
        },
      },
      {
        ALT: () => {
          this.CONSUME(RESPECT)
          return 'respect'
        },
      },
    ])
    this.CONSUME(NULLS)
    return nulls
  })

  readonly windowName = this.RULE('windowName', (): WindowName => {
    const name = this.SUBRULE(this.ident)
    return { kind: 'window_name', name, span: name.span }
  })

  readonly windowSpec = this.RULE('windowSpec', (): WindowSpec => {
    const start = this.mark()
    let base: Ident | undefined
    let partitionBy: Expr[] = []
    let orderBy: SortItem[] = []
    let frame: Frame | undefined
    this.CONSUME(t.LeftParen)
    this.OPTION({
      GATE: () => !WINDOW_WORDS.has(this.LA(1).tokenType),
      DEF: () => {
        base = this.SUBRULE(this.ident)
      },
    })
    this.OPTION1(() => {
      this.CONSUME(PARTITION)
      this.CONSUME(BY)
      partitionBy = this.SUBRULE(this.expressions)
    })
    this.OPTION2(() => {
      orderBy = this.SUBRULE(this.orderBy)
    })
    this.OPTION3(() => {
      frame = this.SUBRULE(this.frame)
    })
    this.CONSUME(t.RightParen)
    return {
      kind: 'window_spec',
      ...(base && { base }),
      partitionBy,
      orderBy,
      ...(frame && { frame }),
      span: this.since(start),
    }
  })

  readonly orderBy = this.RULE('orderBy', (): SortItem[] => {
    const list: SortItem[] = []
    this.CONSUME(ORDER)
    this.CONSUME(BY)
    this.AT_LEAST_ONE_SEP({ SEP: t.Comma, DEF: () => list.push(this.SUBRULE(this.sortItem)) })
    return list
  })

  readonly sortItem = this.RULE('sortItem', (): SortItem => {
    const start = this.mark()
    const expr = this.SUBRULE(this.expression)
    let descending = false
    let nulls: SortItem['nulls']
    this.OPTION(() => {
      this.OR([
        { ALT: () => this.CONSUME(ASC) },
        {
          ALT: () => {
            this.CONSUME(DESC)
            descending = true
          },
        },
      ])
    })
    this.OPTION1(() => {
      this.CONSUME(NULLS)
      nulls = this.OR1([
        {
          ALT: () => {
            this.CONSUME(FIRST)
            return 'first' as const
          },
        },
        {
          ALT: () => {
            this.CONSUME(LAST)
            return 'last' as const
          },
        },
      ])
    })
    return { kind: 'sort_item', expr, descending, ...(nulls && { nulls }), span: this.since(start) }
  })

  readonly frame = this.RULE('frame', (): Frame => {
    const begin = this.mark()
    const unit = this.OR<Frame['unit']>([
      {
        ALT: () => {
          this.CONSUME(ROWS)
          return 'rows' as const
        },
      },
      {
        ALT: () => {
          this.CONSUME(RANGE)
          return 'range' as const
        },
      },
      {
        ALT: () => {
          this.CONSUME(GROUPS)
          return 'groups' as const
        },
      },
    ])
    let between = false
    this.OPTION(() => {
      this.CONSUME(BETWEEN)
      between = true
    })
    const start = this.SUBRULE(this.frameBound)
    let end: FrameBound = { kind: 'current_row', span: start.span }
    this.OPTION1({
      GATE: () => between,
      DEF: () => {
        this.CONSUME(AND)
        end = this.SUBRULE1(this.frameBound)
      },
    })
    let exclude: Frame['exclude']
    this.OPTION2(() => {
      this.CONSUME(EXCLUDE)
      exclude = this.OR2<Frame['exclude']>([
        {
          ALT: () => {
            this.CONSUME(CURRENT)
            this.CONSUME(ROW)
            return 'current_row' as const
          },
        },
        {
          ALT: () => {
            this.CONSUME(GROUP)
            return 'group' as const
          },
        },
        {
          ALT: () => {
            this.CONSUME(TIES)
            return 'ties' as const
          },
        },
        {
          ALT: () => {
            this.CONSUME(NO)
            this.CONSUME(OTHERS)
            return undefined
          },
        },
      ])
    })
    return { kind: 'frame', unit, start, end, ...(exclude && { exclude }), span: this.since(begin) }
  })

  readonly frameBound = this.RULE('frameBound', (): FrameBound => {
    const start = this.mark()
    return this.OR<FrameBound>({
      DEF: [
        {
          GATE: () => this.nextIs(PRECEDING, 2) || this.nextIs(FOLLOWING, 2),
          ALT: () => {
            this.CONSUME(UNBOUNDED)
            const kind = this.OR1([
              {
                ALT: () => {
                  this.CONSUME(PRECEDING)
                  return 'unbounded_preceding' as const
                },
              },
              {
                ALT: () => {
                  this.CONSUME(FOLLOWING)
                  return 'unbounded_following' as const
                },
              },
            ])
            return { kind, span: this.since(start) }
          },
        },
        {
          GATE: () => this.nextIs(ROW, 2),
          ALT: () => {
            this.CONSUME(CURRENT)
            this.CONSUME(ROW)
            return { kind: 'current_row', span: this.since(start) }
          },
        },
        {
          ALT: () => {
            const offset = this.SUBRULE(this.value)
            const kind = this.OR2([
              {
                ALT: () => {
                  this.CONSUME1(PRECEDING)
                  return 'preceding' as const
                },
              },
              {
                ALT: () => {
                  this.CONSUME1(FOLLOWING)
                  return 'following' as const
                },
              },
            ])
            return { kind, offset, span: this.since(start) }
          },
        },
      ],
      IGNORE_AMBIGUITIES: true,
    })
  })
}
