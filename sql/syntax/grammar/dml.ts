/** INSERT with ON CONFLICT, UPDATE, DELETE. */
import { Code } from '../../diag/codes.js'
import { SqlError } from '../../diag/error.js'
import * as t from '../tokens.js'
import type {
  Assignment,
  Delete,
  Expr,
  Ident,
  Insert,
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
  AS,
  CONFLICT,
  DEFAULT,
  DELETE,
  DO,
  FROM,
  INSERT,
  INTO,
  NOTHING,
  ON,
  RETURNING,
  SET,
  TABLE,
  TRUNCATE,
  UPDATE,
  USING,
  VALUES,
  WHERE,
] = [
  t.kw('as'),
  t.kw('conflict'),
  t.kw('default'),
  t.kw('delete'),
  t.kw('do'),
  t.kw('from'),
  t.kw('insert'),
  t.kw('into'),
  t.kw('nothing'),
  t.kw('on'),
  t.kw('returning'),
  t.kw('set'),
  t.kw('table'),
  t.kw('truncate'),
  t.kw('update'),
  t.kw('using'),
  t.kw('values'),
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

  readonly truncate = this.RULE('truncate', (): Truncate => {
    const start = this.mark()
    const names: Name[] = []
    this.CONSUME(TRUNCATE)
    this.OPTION(() => this.CONSUME(TABLE))
    this.AT_LEAST_ONE_SEP({ SEP: t.Comma, DEF: () => names.push(this.SUBRULE(this.name)) })
    return { kind: 'truncate', names, span: this.since(start) }
  })

  readonly targetAlias = this.RULE('targetAlias', (): Ident | undefined => {
    let alias: Ident | undefined
    this.OPTION({
      GATE: () => !this.nextIs(SET),
      DEF: () => {
        this.OPTION1(() => this.CONSUME(AS))
        alias = this.SUBRULE(this.ident)
      },
    })
    return alias
  })
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
