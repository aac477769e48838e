/** Random queries over a schema: joins, subqueries, grouping, windows, set operations, ORDER BY with LIMIT. */
import type { Choices } from './choices.js'
import { expression, KINDS, type Scope } from './expressions.js'
import type { Column, Kind, Schema, Table } from './schema.js'

export interface RandomQuery {
  readonly sql: string
  readonly kinds: readonly Kind[]
  /** Whether all columns order the rows, so that their order is part of the answer. */
  readonly ordered: boolean
}

interface Source {
  readonly sql: string
  readonly columns: readonly Column[]
  /** These tell its rows apart. */
  readonly keys: readonly string[]
}

/** Makes one query. `next` numbers the aliases, which are unique in a statement. */
export class QueryMaker {
  readonly #schema: Schema
  readonly #choices: Choices
  #aliases = 0

  constructor(schema: Schema, choices: Choices) {
    this.#schema = schema
    this.#choices = choices
  }

  make(): RandomQuery {
    const choices = this.#choices
    const kinds = this.#someKinds()
    const base = choices.one([
      () => this.#select(kinds, [], 2),
      () => this.#select(kinds, [], 2),
      () => this.#grouped(kinds, [], 2),
      () => this.#grouped(kinds, [], 2),
      () => this.#windowed(kinds),
      () => this.#setOperation(kinds),
      () => this.#withClause(kinds),
      () => this.#distinctOn(kinds),
    ])()
    const ordered = choices.once(3) && !kinds.includes('double')
    if (!ordered) return { sql: base, kinds, ordered }
    const order = kinds.map((_, i) => {
      const direction = choices.one(['', ' DESC'])
      return `${i + 1}${direction}${choices.one([' NULLS LAST', ' NULLS FIRST'])}`
    })
    const limit = choices.one([
      '',
      '',
      ` LIMIT ${choices.below(5)}`,
      ` LIMIT ${choices.below(5)} OFFSET ${choices.below(3)}`,
    ])
    return { sql: `${base} ORDER BY ${order.join(', ')}${limit}`, kinds, ordered }
  }

  /** UPDATE or DELETE of one table. */
  change(): { readonly sql: string; readonly table: Table } {
    const choices = this.#choices
    const table = choices.one(this.#schema.tables)
    const scope: Scope = { columns: table.columns }
    const where = expression('boolean', scope, 2, choices)
    if (choices.once(3)) return { sql: `DELETE FROM ${table.name} WHERE ${where}`, table }
    const column = choices.one(table.columns.slice(1))
    // What is stored has to fit its column.
    const value = column.kind === 'numeric' ? 'CAST(NULL AS NUMERIC(8,2))' : expression(column.kind, scope, 1, choices)
    return { sql: `UPDATE ${table.name} SET ${column.name} = ${value} WHERE ${where}`, table }
  }

  #someKinds(): Kind[] {
    return Array.from({ length: this.#choices.between(1, 3) }, () => this.#choices.one(KINDS))
  }

  #alias(): string {
    this.#aliases++
    return `x${this.#aliases}`
  }

  #scope(columns: readonly Column[], depth: number): Scope {
    if (depth <= 0) return { columns }
    return { columns, subquery: (kind) => this.#scalar(kind, columns, depth - 1) }
  }

  #expr(kind: Kind, columns: readonly Column[], depth: number): string {
    return expression(kind, this.#scope(columns, depth), Math.min(depth + 1, 2), this.#choices)
  }

  /** A table, or a query in its place. */
  #relation(outer: readonly Column[], depth: number): Source {
    const choices = this.#choices
    const alias = this.#alias()
    if (depth > 0 && choices.once(5)) {
      const kinds = this.#someKinds()
      const columns = kinds.map((kind, i) => ({ name: `${alias}.k${i + 1}`, kind }))
      const body = choices.one([
        () => this.#select(kinds, [], depth - 1),
        () => this.#grouped(kinds, [], depth - 1),
        ...(outer.length > 0 ? [() => this.#select(kinds, outer, depth - 1)] : []),
      ])()
      const names = kinds.map((_, i) => `k${i + 1}`).join(', ')
      return { sql: `${outer.length > 0 ? 'LATERAL ' : ''}(${body}) AS ${alias}(${names})`, columns, keys: [] }
    }
    const table = choices.one(this.#schema.tables)
    const columns = table.columns.map(({ name, kind }) => ({ name: `${alias}.${name}`, kind }))
    return { sql: `${table.name} AS ${alias}`, columns, keys: [`${alias}.id`] }
  }

  #from(depth: number): Source {
    const choices = this.#choices
    let left = this.#relation([], depth)
    const joins = choices.below(3)
    for (let i = 0; i < joins; i++) {
      const kind = choices.one(['JOIN', 'LEFT JOIN', 'CROSS JOIN', 'RIGHT JOIN', 'FULL JOIN'])
      const lateral = kind === 'JOIN' || kind === 'CROSS JOIN' || kind === 'LEFT JOIN'
      const right = this.#relation(lateral ? left.columns : [], depth)
      const columns = [...left.columns, ...right.columns]
      const keys = left.keys.length > 0 && right.keys.length > 0 ? [...left.keys, ...right.keys] : []
      const on = kind === 'CROSS JOIN' ? '' : this.#joinedBy(kind, left, right)
      left = { sql: `${left.sql} ${kind} ${right.sql}${on}`, columns, keys }
    }
    return left
  }

  #joinedBy(kind: string, left: Source, right: Source): string {
    const twoTables = left.keys.length === 1 && right.keys.length === 1
    if (twoTables && this.#choices.once(5)) return ' USING (id)'
    return ` ON ${this.#joinCondition(kind, left, right)}`
  }

  /** PostgreSQL does FULL JOIN only where the condition has an equality that can be hashed. */
  #joinCondition(kind: string, left: Source, right: Source): string {
    const choices = this.#choices
    const pairs = left.columns.flatMap((a) =>
      right.columns.filter((b) => a.kind === b.kind && a.kind !== 'double').map((b) => `${a.name} = ${b.name}`),
    )
    if (pairs.length === 0)
      return kind === 'FULL JOIN' ? 'TRUE' : this.#expr('boolean', [...left.columns, ...right.columns], 0)
    const equal = choices.one(pairs)
    if (kind === 'FULL JOIN' || !choices.once(3)) return equal
    return `${equal} ${choices.one(['AND', 'OR'])} ${this.#expr('boolean', [...left.columns, ...right.columns], 0)}`
  }

  #where(columns: readonly Column[], depth: number): string {
    const choices = this.#choices
    if (!choices.once(2)) return ''
    const forms = [() => this.#expr('boolean', columns, depth)]
    if (depth > 0) forms.push(() => this.#subqueryCondition(columns, depth - 1))
    return ` WHERE ${choices.one(forms)()}`
  }

  #subqueryCondition(outer: readonly Column[], depth: number): string {
    const choices = this.#choices
    const kind = choices.one<Kind>(['integer', 'text', 'numeric', 'date'])
    return choices.one([
      () => `${choices.one(['', 'NOT '])}EXISTS (${this.#select(['integer'], outer, depth)})`,
      () => `${this.#expr(kind, outer, 0)} ${choices.one(['', 'NOT '])}IN (${this.#select([kind], outer, depth)})`,
      () =>
        `${this.#expr(kind, outer, 0)} ${choices.one(['=', '<', '>='])} ${choices.one(['ANY', 'ALL'])} (${this.#select([kind], outer, depth)})`,
    ])()
  }

  /** One row at most for certain: an aggregate, or the first row. */
  #scalar(kind: Kind, outer: readonly Column[], depth: number): string {
    const choices = this.#choices
    const from = this.#from(depth)
    const columns = [...from.columns, ...outer]
    const where = this.#where(columns, depth)
    if (from.keys.length > 0 && choices.once(3)) {
      const order = from.keys.map((key) => `${key} NULLS LAST`).join(', ')
      const offset = choices.one(['', ' OFFSET 1'])
      return `(SELECT ${this.#expr(kind, columns, 0)} FROM ${from.sql}${where} ORDER BY ${order} LIMIT 1${offset})`
    }
    return `(SELECT ${this.#aggregate(kind, from.columns)} FROM ${from.sql}${where})`
  }

  #select(kinds: readonly Kind[], outer: readonly Column[], depth: number): string {
    const choices = this.#choices
    const from = this.#from(depth)
    const columns = [...from.columns, ...outer]
    const items = kinds.map((kind, i) => `${this.#expr(kind, columns, depth - 1)} AS c${i + 1}`)
    const distinct = choices.once(5) ? 'DISTINCT ' : ''
    return `SELECT ${distinct}${items.join(', ')} FROM ${from.sql}${this.#where(columns, depth)}`
  }

  /** Its first row of each value, in an order of all rows. */
  #distinctOn(kinds: readonly Kind[]): string {
    const choices = this.#choices
    const from = this.#from(1)
    if (from.keys.length === 0) return this.#select(kinds, [], 1)
    const discrete = from.columns.filter(({ kind }) => kind !== 'double')
    const on = choices.one(discrete).name
    const order = [on, ...from.keys].map((name) => `${name}${choices.one([' NULLS LAST', ' DESC NULLS FIRST'])}`)
    const items = kinds.map((kind, i) => `${this.#expr(kind, from.columns, 0)} AS c${i + 1}`)
    const first = `SELECT DISTINCT ON (${on}) ${items.join(', ')} FROM ${from.sql}${this.#where(from.columns, 1)}`
    return `SELECT * FROM (${first} ORDER BY ${order.join(', ')}) AS ${this.#alias()}`
  }

  #grouped(kinds: readonly Kind[], outer: readonly Column[], depth: number): string {
    const choices = this.#choices
    const from = this.#from(depth)
    const groupable = from.columns.filter(({ kind }) => kind !== 'double')
    const keys = Array.from({ length: groupable.length === 0 ? 0 : choices.below(3) }, () =>
      choices.one(groupable),
    ).filter((key, i, all) => all.findIndex((other) => other.name === key.name) === i)
    const item = (kind: Kind): string => {
      const of = keys.filter((key) => key.kind === kind)
      if (of.length > 0 && !choices.once(2)) return choices.one(of).name
      const aggregate = this.#aggregate(kind, from.columns)
      return choices.once(4)
        ? expression(kind, { columns: [...keys, { name: aggregate, kind }] }, 1, choices)
        : aggregate
    }
    const items = kinds.map((kind, i) => `${item(kind)} AS c${i + 1}`)
    const names = keys.map((key) => key.name)
    const sets = [names.join(', '), `ROLLUP (${names.join(', ')})`, `CUBE (${names.join(', ')})`]
    if (names.length === 2) sets.push(`GROUPING SETS ((${names[0]}), (${names.join(', ')}), ())`)
    const by = names.length === 0 ? '' : ` GROUP BY ${choices.once(3) ? choices.one(sets) : sets[0]}`
    const having = choices.once(3) ? ` HAVING ${this.#having(keys, from.columns)}` : ''
    return `SELECT ${items.join(', ')} FROM ${from.sql}${this.#where([...from.columns, ...outer], depth)}${by}${having}`
  }

  #having(keys: readonly Column[], columns: readonly Column[]): string {
    const kind = this.#choices.one<Kind>(['integer', 'text', 'numeric'])
    const aggregate = { name: this.#aggregate(kind, columns), kind }
    return expression('boolean', { columns: [...keys, aggregate] }, 1, this.#choices)
  }

  #aggregate(kind: Kind, columns: readonly Column[]): string {
    const choices = this.#choices
    const value = (of: Kind) => expression(of, { columns }, 1, choices)
    const filter = choices.once(6) ? ` FILTER (WHERE ${value('boolean')})` : ''
    const distinct = choices.once(5) ? 'DISTINCT ' : ''
    switch (kind) {
      case 'integer':
        return choices.one([
          () => `CAST(COUNT(*)${filter} AS INTEGER)`,
          () =>
            `CAST(COUNT(${distinct}${value(choices.one(KINDS.filter((k) => k !== 'double')))})${filter} AS INTEGER)`,
          () => `CAST(SUM(${distinct}${value('integer')})${filter} AS INTEGER)`,
          () => `MIN(${value('integer')})${filter}`,
          () => `MAX(${value('integer')})${filter}`,
        ])()
      case 'bigint':
        return choices.one([
          () => `COUNT(*)${filter}`,
          () => `CAST(SUM(${distinct}${value('integer')})${filter} AS BIGINT)`,
          () => `MAX(${value('bigint')})${filter}`,
        ])()
      case 'numeric':
        return choices.one([
          () => `CAST(SUM(${distinct}${value('numeric')})${filter} AS NUMERIC(16,2))`,
          () => `MIN(${value('numeric')})${filter}`,
          () => `MAX(${value('numeric')})${filter}`,
        ])()
      case 'double':
        return choices.one([
          () => `CAST(AVG(${distinct}${value('integer')})${filter} AS DOUBLE PRECISION)`,
          () => `CAST(AVG(${value('numeric')})${filter} AS DOUBLE PRECISION)`,
          () => `AVG(${value('double')})${filter}`,
          () => `MAX(${value('double')})${filter}`,
        ])()
      case 'boolean':
        return choices.one([
          () => `BOOL_AND(${value('boolean')})${filter}`,
          () => `BOOL_OR(${value('boolean')})${filter}`,
        ])()
      default:
        return `${choices.one(['MIN', 'MAX'])}(${value(kind)})${filter}`
    }
  }

  #windowed(kinds: readonly Kind[]): string {
    const from = this.#from(1)
    const items = kinds.map((kind, i) => `${this.#windowCall(kind, from)} AS c${i + 1}`)
    return `SELECT ${items.join(', ')} FROM ${from.sql}${this.#where(from.columns, 1)}`
  }

  #windowCall(kind: Kind, from: Source): string {
    const choices = this.#choices
    const discrete = from.columns.filter((column) => column.kind !== 'double')
    const groupable = discrete.length === 0 ? from.columns : discrete
    const partition = choices.once(2) ? `PARTITION BY ${choices.one(groupable).name} ` : ''
    const direction = () => choices.one([' NULLS LAST', ' DESC NULLS FIRST', ' NULLS FIRST', ' DESC NULLS LAST'])
    const some = `ORDER BY ${choices.one(groupable).name}${direction()}`
    // What depends on the order of equal rows has an order of all.
    const total = `ORDER BY ${[choices.one(groupable).name, ...from.keys].map((name) => name + direction()).join(', ')}`
    const bound = (start: boolean) =>
      choices.one([
        start ? 'UNBOUNDED PRECEDING' : 'UNBOUNDED FOLLOWING',
        'CURRENT ROW',
        start ? `${choices.below(3)} PRECEDING` : `${choices.below(3)} FOLLOWING`,
      ])
    const value = () => expression(kind, { columns: from.columns }, 1, choices)
    const aggregate = this.#aggregate(kind, from.columns)
    const over = (spec: string) => `OVER (${partition}${spec})`
    const wrapped = aggregate.replace(/^CAST\((.*) AS ([A-Z ]+(?:\(\d+,\d+\))?)\)$/s, '$1')
    const type = /^CAST\(.* AS ([A-Z ]+(?:\(\d+,\d+\))?)\)$/s.exec(aggregate)?.[1]
    const cast = (call: string) => (type === undefined ? call : `CAST(${call} AS ${type})`)
    const integers = from.columns.filter((column) => column.kind === 'integer').map((column) => column.name)
    const plain = wrapped.replaceAll('DISTINCT ', '')
    const frame = () => `BETWEEN ${bound(true)} AND ${bound(false)}`
    const forms = [
      () => cast(`${plain} ${over(some)}`),
      ...(integers.length === 0
        ? []
        : [() => cast(`${plain} ${over(`ORDER BY ${choices.one(integers)}${direction()} RANGE ${frame()}`)}`)]),
      () => cast(`${wrapped.replaceAll('DISTINCT ', '')} ${over('')}`),
      ...(from.keys.length === 0
        ? []
        : [
            () =>
              cast(
                `${wrapped.replaceAll('DISTINCT ', '')} ${over(`${total} ROWS BETWEEN ${bound(true)} AND ${bound(false)}`)}`,
              ),
            () => `${choices.one(['LAG', 'LEAD'])}(${value()}, ${choices.between(0, 2)}) ${over(total)}`,
            () => `${choices.one(['FIRST_VALUE', 'LAST_VALUE'])}(${value()}) ${over(total)}`,
          ]),
    ]
    if (kind === 'bigint') {
      forms.push(() => `${choices.one(['RANK', 'DENSE_RANK'])}() ${over(some)}`)
      if (from.keys.length > 0) forms.push(() => `ROW_NUMBER() ${over(total)}`)
    }
    return choices.one(forms)()
  }

  #setOperation(kinds: readonly Kind[]): string {
    const choices = this.#choices
    const side = () => choices.one([() => this.#select(kinds, [], 1), () => this.#grouped(kinds, [], 1)])()
    const operator = () => choices.one(['UNION ALL', 'UNION', 'INTERSECT', 'EXCEPT', 'INTERSECT ALL', 'EXCEPT ALL'])
    const first = `${side()} ${operator()} ${side()}`
    return choices.once(3) ? `(${first}) ${operator()} ${side()}` : first
  }

  #withClause(kinds: readonly Kind[]): string {
    const names = kinds.map((_, i) => `k${i + 1}`)
    const body = this.#choices.one([() => this.#select(kinds, [], 1), () => this.#grouped(kinds, [], 1)])()
    const [a, b] = [this.#alias(), this.#alias()]
    const columns = kinds.map((kind, i) => ({ name: `${b}.k${i + 1}`, kind }))
    const items = kinds.map((kind, i) => `${this.#expr(kind, columns, 0)} AS c${i + 1}`)
    return `WITH ${a}(${names.join(', ')}) AS (${body}) SELECT ${items.join(', ')} FROM ${a} AS ${b}${this.#where(columns, 1)}`
  }
}
