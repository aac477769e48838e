/** INSERT with ON CONFLICT, UPDATE, DELETE, MERGE, TRUNCATE. */
import { Code } from '../../diag/codes.js'
import { SqlError } from '../../diag/error.js'
import * as t from '../tokens.js'
import type {
  Assignment,
  Delete,
  Expr,
  Ident,
  Insert,
  Merge,
  MergeClause,
  Name,
  OnConflict,
  Query,
  SelectItem,
  TableRef,
  Truncate,
  Update,
} from '../tree.js'
import { TableRefGrammar } from './table-ref.js'

const [
  AND,
  AS,
  BY,
  CASCADE,
  CONFLICT,
  CONTINUE,
  DEFAULT,
  DELETE,
  DO,
  FROM,
  IDENTITY,
  INSERT,
  INTO,
  MATCHED,
  MERGE,
  NOT,
  NOTHING,
  ON,
  RESTART,
  RESTRICT,
  RETURNING,
  SET,
  SOURCE,
  TABLE,
  TARGET,
  THEN,
  TRUNCATE,
  UPDATE,
  USING,
  VALUES,
  WHEN,
  WHERE,
] = [
  t.kw('and'),
  t.kw('as'),
  t.kw('by'),
  t.kw('cascade'),
  t.kw('conflict'),
  t.kw('continue'),
  t.kw('default'),
  t.kw('delete'),
  t.kw('do'),
  t.kw('from'),
  t.kw('identity'),
  t.kw('insert'),
  t.kw('into'),
  t.kw('matched'),
  t.kw('merge'),
  t.kw('not'),
  t.kw('nothing'),
  t.kw('on'),
  t.kw('restart'),
  t.kw('restrict'),
  t.kw('returning'),
  t.kw('set'),
  t.kw('source'),
  t.kw('table'),
  t.kw('target'),
  t.kw('then'),
  t.kw('truncate'),
  t.kw('update'),
  t.kw('using'),
  t.kw('values'),
  t.kw('when'),
  t.kw('where'),
]

export abstract class DmlGrammar extends TableRefGrammar {
  readonly insert = this.RULE('insert', (): Insert => {
    const start = this.mark()
    let columns: Ident[] = []
    let source: Query | undefined
    let onConflict: OnConflict | undefined
    this.CONSUME(INSERT)
    this.CONSUME(INTO)
    const table = this.SUBRULE(this.name)
    let alias: Ident | undefined
    let overriding: Insert['overriding']
    this.OPTION2(() => {
      this.CONSUME(AS)
      alias = this.SUBRULE(this.ident)
    })
    this.OPTION({
      GATE: () => !this.queryInParens(),
      DEF: () => {
        columns = this.SUBRULE(this.identList)
      },
    })
    this.OPTION3({
      GATE: () => this.LA(1).image.toLowerCase() === 'overriding',
      DEF: () => {
        this.CONSUME(t.Identifier)
        const whose = this.CONSUME1(t.Identifier)
        const value = this.CONSUME2(t.Identifier)
        this.ACTION(() => {
          overriding = overridden(whose.image, value.image, whose.startOffset)
        })
      },
    })
    this.OR([
      {
        ALT: () => {
          this.CONSUME(DEFAULT)
          this.CONSUME(VALUES)
        },
      },
      {
        ALT: () => {
          source = this.SUBRULE(this.query)
        },
      },
    ])
    this.OPTION1(() => {
      onConflict = this.SUBRULE(this.onConflict)
    })
    const returning = this.SUBRULE(this.returning)
    return {
      kind: 'insert',
      table,
      ...(alias && { alias }),
      columns,
      ...(overriding && { overriding }),
      ...(source && { source }),
      ...(onConflict && { onConflict }),
      returning,
      span: this.since(start),
    }
  })

  readonly onConflict = this.RULE('onConflict', (): OnConflict => {
    const start = this.mark()
    let columns: Ident[] = []
    let assignments: Assignment[] = []
    let action: OnConflict['action'] = 'do_nothing'
    let where: Expr | undefined
    this.CONSUME(ON)
    this.CONSUME(CONFLICT)
    this.OPTION(() => {
      columns = this.SUBRULE(this.identList)
    })
    this.CONSUME(DO)
    this.OR([
      { ALT: () => this.CONSUME(NOTHING) },
      {
        ALT: () => {
          this.CONSUME(UPDATE)
          this.CONSUME(SET)
          action = 'do_update'
          assignments = this.SUBRULE(this.assignments)
          this.OPTION1(() => {
            this.CONSUME(WHERE)
            where = this.SUBRULE(this.expression)
          })
        },
      },
    ])
    return { kind: 'on_conflict', columns, action, assignments, ...(where && { where }), span: this.since(start) }
  })

  readonly assignments = this.RULE('assignments', (): Assignment[] => {
    const list: Assignment[] = []
    this.AT_LEAST_ONE_SEP({
      SEP: t.Comma,
      DEF: () => {
        const start = this.mark()
        this.OR([
          {
            ALT: () => {
              const column = this.SUBRULE(this.ident)
              this.CONSUME(t.Equal)
              const value = this.SUBRULE(this.expression)
              list.push({ kind: 'assignment', column, value, span: this.since(start) })
            },
          },
          {
            ALT: () => {
              const columns = this.SUBRULE(this.identList)
              this.CONSUME1(t.Equal)
              const value = this.SUBRULE1(this.expression)
              const span = this.since(start)
              this.ACTION(() => list.push(...several(columns, value, span)))
            },
          },
        ])
      },
    })
    return list
  })

  /** `RETURNING a, b + 1 AS c`; nothing is an empty list. */
  readonly returning = this.RULE('returning', (): SelectItem[] => {
    const items: SelectItem[] = []
    this.OPTION(() => {
      this.CONSUME(RETURNING)
      this.AT_LEAST_ONE_SEP({ SEP: t.Comma, DEF: () => items.push(this.SUBRULE(this.selectItem)) })
    })
    return items
  })

  readonly tableRefs = this.RULE('tableRefs', (): TableRef[] => {
    const refs: TableRef[] = []
    this.AT_LEAST_ONE_SEP({ SEP: t.Comma, DEF: () => refs.push(this.SUBRULE(this.tableRef)) })
    return refs
  })

  readonly update = this.RULE('update', (): Update => {
    const start = this.mark()
    let where: Expr | undefined
    this.CONSUME(UPDATE)
    const table = this.SUBRULE(this.name)
    const alias = this.SUBRULE(this.targetAlias)
    this.CONSUME(SET)
    const assignments = this.SUBRULE(this.assignments)
    let from: TableRef[] = []
    this.OPTION1(() => {
      this.CONSUME(FROM)
      from = this.SUBRULE(this.tableRefs)
    })
    this.OPTION(() => {
      this.CONSUME(WHERE)
      where = this.SUBRULE(this.expression)
    })
    const returning = this.SUBRULE(this.returning)
    return {
      kind: 'update',
      table,
      ...(alias && { alias }),
      assignments,
      from,
      ...(where && { where }),
      returning,
      span: this.since(start),
    }
  })

  readonly delete = this.RULE('delete', (): Delete => {
    const start = this.mark()
    let where: Expr | undefined
    this.CONSUME(DELETE)
    this.CONSUME(FROM)
    const table = this.SUBRULE(this.name)
    const alias = this.SUBRULE(this.targetAlias)
    let using: TableRef[] = []
    this.OPTION1(() => {
      this.CONSUME(USING)
      using = this.SUBRULE(this.tableRefs)
    })
    this.OPTION(() => {
      this.CONSUME(WHERE)
      where = this.SUBRULE(this.expression)
    })
    const returning = this.SUBRULE(this.returning)
    return {
      kind: 'delete',
      table,
      ...(alias && { alias }),
      using,
      ...(where && { where }),
      returning,
      span: this.since(start),
    }
  })

  /** `WITH … INSERT`, UPDATE, DELETE and MERGE. */
  readonly withWrite = this.RULE('withWrite', (): Insert | Update | Delete | Merge => {
    const start = this.mark()
    const tables = this.SUBRULE(this.with)
    const write = this.OR<Insert | Update | Delete | Merge>([
      { ALT: () => this.SUBRULE(this.insert) },
      { ALT: () => this.SUBRULE(this.update) },
      { ALT: () => this.SUBRULE(this.delete) },
      { ALT: () => this.SUBRULE(this.merge) },
    ])
    return { ...write, with: tables, span: this.since(start) }
  })

  readonly merge = this.RULE('merge', (): Merge => {
    const start = this.mark()
    const clauses: MergeClause[] = []
    this.CONSUME(MERGE)
    this.CONSUME(INTO)
    const table = this.SUBRULE(this.name)
    const alias = this.SUBRULE(this.targetAlias)
    this.CONSUME(USING)
    const source = this.SUBRULE(this.tableRef)
    this.CONSUME(ON)
    const condition = this.SUBRULE(this.expression)
    this.AT_LEAST_ONE(() => clauses.push(this.SUBRULE(this.mergeClause)))
    return { kind: 'merge', table, ...(alias && { alias }), source, condition, clauses, span: this.since(start) }
  })

  readonly mergeClause = this.RULE('mergeClause', (): MergeClause => {
    const start = this.mark()
    let when: MergeClause['when'] = 'matched'
    let where: Expr | undefined
    this.CONSUME(WHEN)
    this.OR([
      { ALT: () => this.CONSUME(MATCHED) },
      {
        ALT: () => {
          this.CONSUME(NOT)
          this.CONSUME1(MATCHED)
          when = 'not_matched'
          this.OPTION(() => {
            this.CONSUME(BY)
            this.OR1([
              { ALT: () => this.CONSUME(TARGET) },
              {
                ALT: () => {
                  this.CONSUME(SOURCE)
                  when = 'not_matched_by_source'
                },
              },
            ])
          })
        },
      },
    ])
    this.OPTION1(() => {
      this.CONSUME(AND)
      where = this.SUBRULE(this.expression)
    })
    this.CONSUME(THEN)
    const action = this.SUBRULE(this.mergeAction)
    return { kind: 'merge_clause', when, ...(where && { where }), action, span: this.since(start) }
  })

  readonly mergeAction = this.RULE('mergeAction', (): MergeClause['action'] => {
    let columns: Ident[] = []
    const values: Expr[] = []
    return this.OR<MergeClause['action']>([
      {
        ALT: () => {
          this.CONSUME(DO)
          this.CONSUME(NOTHING)
          return { do: 'nothing' }
        },
      },
      {
        ALT: () => {
          this.CONSUME(DELETE)
          return { do: 'delete' }
        },
      },
      {
        ALT: () => {
          this.CONSUME(UPDATE)
          this.CONSUME(SET)
          return { do: 'update', assignments: this.SUBRULE(this.assignments) }
        },
      },
      {
        ALT: () => {
          this.CONSUME(INSERT)
          this.OPTION(() => {
            columns = this.SUBRULE(this.identList)
          })
          this.OR1([
            {
              ALT: () => {
                this.CONSUME(DEFAULT)
                this.CONSUME(VALUES)
              },
            },
            {
              ALT: () => {
                this.CONSUME1(VALUES)
                this.CONSUME(t.LeftParen)
                this.AT_LEAST_ONE_SEP({ SEP: t.Comma, DEF: () => values.push(this.SUBRULE(this.expression)) })
                this.CONSUME(t.RightParen)
              },
            },
          ])
          return { do: 'insert', columns, values }
        },
      },
    ])
  })

  readonly truncate = this.RULE('truncate', (): Truncate => {
    const start = this.mark()
    const names: Name[] = []
    this.CONSUME(TRUNCATE)
    this.OPTION(() => this.CONSUME(TABLE))
    this.AT_LEAST_ONE_SEP({ SEP: t.Comma, DEF: () => names.push(this.SUBRULE(this.name)) })
    let restart = false
    this.OPTION1(() => {
      this.OR([
        {
          ALT: () => {
            this.CONSUME(RESTART)
            restart = true
          },
        },
        { ALT: () => this.CONSUME(CONTINUE) },
      ])
      this.CONSUME(IDENTITY)
    })
    // Nothing refers to a table but its views, which follow.
    this.OPTION2(() => this.OR1([{ ALT: () => this.CONSUME(CASCADE) }, { ALT: () => this.CONSUME(RESTRICT) }]))
    return { kind: 'truncate', names, restart, span: this.since(start) }
  })

  readonly targetAlias = this.RULE('targetAlias', (): Ident | undefined => {
    let alias: Ident | undefined
    this.OPTION({
      GATE: () => !this.nextIs(SET) && !this.nextIs(USING),
      DEF: () => {
        this.OPTION1(() => this.CONSUME(AS))
        alias = this.SUBRULE(this.ident)
      },
    })
    return alias
  })
}

function overridden(whose: string, value: string, at: number): NonNullable<Insert['overriding']> {
  const word = whose.toLowerCase()
  if ((word === 'system' || word === 'user') && value.toLowerCase() === 'value') return word
  throw new SqlError(Code.SyntaxError, 'expected OVERRIDING SYSTEM VALUE or OVERRIDING USER VALUE', { at })
}

/** An assignment for each of the columns. */
function several(columns: readonly Ident[], value: Expr, span: Assignment['span']): Assignment[] {
  const values = value.kind === 'row' ? value.items : [value]
  if (value.kind !== 'subquery' && values.length !== columns.length) {
    throw new SqlError(Code.SyntaxError, 'number of columns does not match number of values', { at: value.span })
  }
  return columns.map((column, index) =>
    value.kind === 'subquery' && columns.length > 1
      ? { kind: 'assignment', column, value, place: { index, of: columns.length }, span }
      : { kind: 'assignment', column, value: values[index]!, span },
  )
}
