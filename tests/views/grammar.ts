/** Random queries over the whole language that views take. Every query has one answer: where an order decides, it is by all
 *  columns, unless `oneAnswer` says that only Millrace's own rule for ties tells it. */
import type { Choices } from './choices.js'
import { type Column, literal, type Relation, type Type } from './world.js'

export interface Query {
  readonly sql: string
  readonly columns: readonly Column[]
  /** Whether another database must give the same rows. */
  readonly oneAnswer: boolean
  /** How many relations it reads, those of the views that it reads counted. */
  readonly weight: number
}

/** A column that an expression can name. */
interface Ref {
  readonly sql: string
  readonly type: Type
}

interface Source {
  readonly sql: string
  readonly refs: readonly Ref[]
}

/** Joins without a key multiply: past this many relations there are no more joins and no views in a query. */
const JOINED_MAX = 3

const TYPES = ['int', 'text', 'num', 'time', 'bool'] as const

export function makeQuery(choices: Choices, relations: readonly Relation[]): Query {
  return new Grammar(choices, relations).whole()
}

class Grammar {
  readonly #choices: Choices
  readonly #relations: readonly Relation[]
  #names = 0
  #oneAnswer = true
  #weight = 0

  constructor(choices: Choices, relations: readonly Relation[]) {
    this.#choices = choices
    this.#relations = relations
  }

  whole(): Query {
    const { sql, columns } = this.#query(2)
    return { sql, columns, oneAnswer: this.#oneAnswer, weight: this.#weight }
  }

  #name(prefix: string): string {
    return `${prefix}${++this.#names}`
  }

  #query(depth: number): { sql: string; columns: Column[] } {
    const form = depth === 0 ? 0 : this.#choices.below(10)
    switch (form) {
      case 3:
      case 4:
        return this.#grouped(depth)
      case 5:
        return this.#windows(depth)
      case 6:
        return this.#setOperation(depth)
      case 7:
        return this.#limited(depth)
      case 8:
        return this.#firstOfEach(depth)
      case 9:
        return this.#shared(depth)
      default:
        return this.#plain(depth)
    }
  }

  #plain(depth: number): { sql: string; columns: Column[] } {
    const source = this.#from(depth)
    const where = this.#where(source.refs, depth)
    const exprs = this.#list(1 + this.#choices.below(3), () => {
      const type = this.#choices.of([...new Set(source.refs.map((ref) => ref.type))])
      return { sql: this.#expr(type, source.refs, depth), type }
    })
    const distinct = this.#choices.once(4) ? 'DISTINCT ' : ''
    return this.#select(`SELECT ${distinct}`, exprs, `FROM ${source.sql}${where}`)
  }

  #grouped(depth: number): { sql: string; columns: Column[] } {
    const source = this.#from(depth)
    const where = this.#where(source.refs, depth)
    const keys = this.#choices.some(source.refs, 0).slice(0, 2)
    const calls = this.#list(1 + this.#choices.below(3), () => this.#aggregate(source.refs, depth))
    const names = keys.map((key) => key.sql)
    const sets = names.length === 0 ? 0 : this.#choices.below(5)
    const by = [
      names.join(', '),
      names.join(', '),
      `ROLLUP (${names.join(', ')})`,
      `CUBE (${names.join(', ')})`,
      `GROUPING SETS ((${names.join(', ')}), (${names[0]}), ())`,
    ][sets]
    const group = names.length === 0 ? '' : ` GROUP BY ${by}`
    const having = this.#choices.once(4)
      ? ` HAVING ${this.#aggregate(source.refs, 0, 'int').sql} ${this.#choices.of(['>', '<', '<>'])} ${literal(this.#choices, 'int')}`
      : ''
    return this.#select('SELECT ', [...keys, ...calls], `FROM ${source.sql}${where}${group}${having}`)
  }

  #aggregate(refs: readonly Ref[], depth: number, wanted?: Type): Ref {
    const filter = this.#choices.once(4) ? ` FILTER (WHERE ${this.#predicate(refs, 0)})` : ''
    const arg = this.#choices.of(refs)
    const distinct = this.#choices.once(3) ? 'DISTINCT ' : ''
    const number = arg.type === 'int' || arg.type === 'num'
    switch (this.#choices.below(wanted === undefined ? 6 : 3)) {
      case 0:
        return { sql: `count(*)${filter}`, type: 'int' }
      case 1:
        return { sql: `count(${distinct}${arg.sql})${filter}`, type: 'int' }
      case 2:
        if (!number || (wanted !== undefined && arg.type !== wanted)) return { sql: `count(*)${filter}`, type: 'int' }
        return { sql: `sum(${distinct}${this.#expr(arg.type, refs, Math.min(depth, 0))})${filter}`, type: arg.type }
      case 3:
        if (number) return { sql: `avg(${distinct}${arg.sql})${filter}`, type: 'num' }
        if (arg.type === 'bool') return { sql: `bool_or(${arg.sql})${filter}`, type: 'bool' }
        return { sql: `min(${arg.sql})${filter}`, type: arg.type }
      default: {
        if (arg.type === 'bool') return { sql: `bool_and(${arg.sql})${filter}`, type: 'bool' }
        return { sql: `${this.#choices.of(['min', 'max'])}(${arg.sql})${filter}`, type: arg.type }
      }
    }
  }

  #windows(depth: number): { sql: string; columns: Column[] } {
    const source = this.#from(depth - 1)
    const where = this.#where(source.refs, 0)
    const partition = this.#choices.once(3) ? '' : `PARTITION BY ${this.#choices.of(source.refs).sql} `
    const total = this.#choices.below(2) === 0
    const directed = (ref: Ref) => `${ref.sql}${this.#choices.once(3) ? ' DESC' : ''}`
    const order = total ? source.refs.map(directed).join(', ') : directed(this.#choices.of(source.refs))
    if (!total) this.#oneAnswer = false
    const over = (frame: string) => `OVER (${partition}ORDER BY ${order}${frame})`
    const calls = this.#list(1 + this.#choices.below(2), (): Ref => {
      const arg = this.#choices.of(source.refs)
      const frame = this.#choices.of([
        '',
        ' ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW',
        ' ROWS BETWEEN 2 PRECEDING AND 1 FOLLOWING',
        ' ROWS BETWEEN 1 FOLLOWING AND 2 FOLLOWING',
        ' ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING',
        ' RANGE BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING',
      ])
      switch (this.#choices.below(7)) {
        case 0:
          return { sql: `row_number() ${over('')}`, type: 'int' }
        case 1:
          return { sql: `${this.#choices.of(['rank', 'dense_rank'])}() ${over('')}`, type: 'int' }
        case 2:
          return { sql: `${this.#choices.of(['lag', 'lead'])}(${arg.sql}) ${over('')}`, type: arg.type }
        case 3:
          return {
            sql: `${this.#choices.of(['first_value', 'last_value'])}(${arg.sql}) ${over(frame)}`,
            type: arg.type,
          }
        case 4:
          if (arg.type === 'int' || arg.type === 'num')
            return { sql: `${this.#choices.of(['sum', 'avg'])}(${arg.sql}) ${over(frame)}`, type: 'num' }
          return { sql: `count(*) ${over(frame)}`, type: 'int' }
        case 5:
          if (arg.type !== 'bool')
            return { sql: `${this.#choices.of(['min', 'max'])}(${arg.sql}) ${over(frame)}`, type: arg.type }
          return { sql: `count(*) ${over(frame)}`, type: 'int' }
        default:
          return { sql: `count(${arg.sql}) ${over(frame)}`, type: 'int' }
      }
    })
    const kept = this.#choices.some(source.refs, 1)
    return this.#select('SELECT ', [...kept, ...calls], `FROM ${source.sql}${where}`)
  }

  #setOperation(depth: number): { sql: string; columns: Column[] } {
    const types = this.#list(1 + this.#choices.below(2), () => this.#choices.of(TYPES.slice(0, 2)))
    const arm = () => {
      const source = this.#from(depth - 1)
      const exprs = types.map((type) => ({ sql: this.#expr(type, source.refs, 0), type }))
      return this.#select('SELECT ', exprs, `FROM ${source.sql}${this.#where(source.refs, 0)}`)
    }
    const left = arm()
    const operator = this.#choices.of(['UNION ALL', 'UNION', 'INTERSECT', 'EXCEPT', 'INTERSECT ALL', 'EXCEPT ALL'])
    return { sql: `${left.sql} ${operator} ${arm().sql}`, columns: left.columns }
  }

  /** The first rows by all columns. */
  #limited(depth: number): { sql: string; columns: Column[] } {
    const { sql, columns } = this.#query(depth - 1)
    const name = this.#name('q')
    const order = columns.map((column) => `${column.name}${this.#choices.once(3) ? ' DESC' : ''}`).join(', ')
    const limit = 1 + this.#choices.below(4)
    const offset = this.#choices.once(3) ? ` OFFSET ${this.#choices.below(3)}` : ''
    if (this.#choices.once(4)) {
      // Which of several equal rows is the last one does not show: they are all in.
      this.#oneAnswer = false
      const first = columns[0]!.name
      const ties = `${offset} FETCH FIRST ${limit} ROWS WITH TIES`
      return { sql: `SELECT * FROM (${sql}) ${name} ORDER BY ${first}${ties}`, columns }
    }
    return { sql: `SELECT * FROM (${sql}) ${name} ORDER BY ${order} LIMIT ${limit}${offset}`, columns }
  }

  /** The first rows of each group, in the two ways of saying it. */
  #firstOfEach(depth: number): { sql: string; columns: Column[] } {
    const { sql, columns } = this.#query(depth - 1)
    const name = this.#name('q')
    const key = this.#choices.of(columns).name
    const order = columns.map((column) => column.name).join(', ')
    if (this.#choices.below(2) === 0)
      return { sql: `SELECT DISTINCT ON (${key}) * FROM (${sql}) ${name} ORDER BY ${key}, ${order}`, columns }
    const numbered = `SELECT *, row_number() OVER (PARTITION BY ${key} ORDER BY ${order}) AS n FROM (${sql}) ${name}`
    const most = 1 + this.#choices.below(3)
    return { sql: `SELECT ${order} FROM (${numbered}) ${this.#name('q')} WHERE n <= ${most}`, columns }
  }

  /** One subquery read twice. */
  #shared(depth: number): { sql: string; columns: Column[] } {
    const { sql, columns } = this.#query(depth - 1)
    const name = this.#name('w')
    const [left, right] = [this.#name('x'), this.#name('x')]
    const key = this.#choices.of(columns)
    const exprs = columns.map((column) => ({ sql: `${left}.${column.name}`, type: column.type }))
    const kind = this.#choices.of(['JOIN', 'LEFT JOIN', 'FULL JOIN'])
    const join = `FROM ${name} ${left} ${kind} ${name} ${right} ON ${left}.${key.name} = ${right}.${key.name}`
    const body = this.#select('SELECT ', [...exprs, { sql: `${right}.${key.name}`, type: key.type }], join)
    return { sql: `WITH ${name} AS (${sql}) ${body.sql}`, columns: body.columns }
  }

  #select(head: string, exprs: readonly Ref[], tail: string): { sql: string; columns: Column[] } {
    const columns = exprs.map((expr, at) => ({ name: `c${at + 1}`, type: expr.type }))
    const items = exprs.map((expr, at) => `${expr.sql} AS ${columns[at]!.name}`)
    return { sql: `${head}${items.join(', ')} ${tail}`, columns }
  }

  #from(depth: number): Source {
    const form = depth <= 0 || this.#weight >= JOINED_MAX ? 0 : this.#choices.below(8)
    if (form < 3) return this.#relation()
    if (form === 7) return this.#derived(depth)
    const left = this.#choices.once(4) && depth > 1 ? this.#from(depth - 1) : this.#relation()
    const right = this.#choices.once(4) ? this.#derived(depth - 1) : this.#relation()
    const refs = [...left.refs, ...right.refs]
    const kind = this.#choices.of(['JOIN', 'LEFT JOIN', 'FULL JOIN', 'RIGHT JOIN', 'CROSS JOIN'])
    if (kind === 'CROSS JOIN') return { sql: `${left.sql} CROSS JOIN ${right.sql}`, refs }
    const pairs = left.refs.flatMap((l) => right.refs.filter((r) => r.type === l.type).map((r) => [l, r] as const))
    if (pairs.length === 0) return { sql: `${left.sql} CROSS JOIN ${right.sql}`, refs }
    const [l, r] = this.#choices.of(pairs)
    const conditions = [`${l.sql} ${this.#choices.of(['=', '=', '=', '<', 'IS NOT DISTINCT FROM'])} ${r.sql}`]
    if (this.#choices.once(3)) conditions.push(this.#predicate(refs, 0))
    return { sql: `${left.sql} ${kind} ${right.sql} ON ${conditions.join(' AND ')}`, refs }
  }

  #relation(): Source {
    const room = Math.max(1, JOINED_MAX - this.#weight)
    const relation = this.#choices.of(this.#relations.filter((relation) => relation.weight <= room))
    this.#weight += relation.weight
    const alias = this.#name(relation.name)
    const refs = relation.columns.map((column) => ({ sql: `${alias}.${column.name}`, type: column.type }))
    return { sql: `${relation.name} ${alias}`, refs }
  }

  #derived(depth: number): Source {
    const alias = this.#name('d')
    switch (this.#choices.below(4)) {
      case 2: {
        const rows = this.#list(1 + this.#choices.below(3), () => {
          const [number, text] = [literal(this.#choices, 'int'), literal(this.#choices, 'text')]
          return `(${number}, ${text})`
        })
        const refs: Ref[] = [
          { sql: `${alias}.i`, type: 'int' },
          { sql: `${alias}.j`, type: 'text' },
        ]
        return { sql: `(VALUES ${rows.join(', ')}) ${alias}(i, j)`, refs }
      }
      case 3:
        return {
          sql: `generate_series(0, ${this.#choices.below(5)}) ${alias}(i)`,
          refs: [{ sql: `${alias}.i`, type: 'int' }],
        }
      default: {
        const { sql, columns } = this.#query(Math.max(depth - 1, 0))
        const refs = columns.map((column) => ({ sql: `${alias}.${column.name}`, type: column.type }))
        return { sql: `(${sql}) ${alias}`, refs }
      }
    }
  }

  #where(refs: readonly Ref[], depth: number): string {
    const conditions = this.#choices.below(2) === 0 ? [] : [this.#predicate(refs, depth)]
    const times = refs.filter((ref) => ref.type === 'time')
    if (times.length > 0 && this.#choices.once(5)) conditions.push(this.#temporal(this.#choices.of(times)))
    return conditions.length === 0 ? '' : ` WHERE ${conditions.join(' AND ')}`
  }

  /** What is true of a row from some moment on, or until one. */
  #temporal(ref: Ref): string {
    const seconds = `INTERVAL '${this.#choices.below(5)} seconds'`
    const compared = this.#choices.of(['<', '<=', '>', '>=', '='])
    return this.#choices.of([
      `${ref.sql} ${compared} localtimestamp - ${seconds}`,
      `localtimestamp ${compared} ${ref.sql} + ${seconds}`,
      `localtimestamp - ${ref.sql} ${compared} ${seconds}`,
      `date_trunc('second', localtimestamp) ${this.#choices.of(['<', '>='])} ${ref.sql} - ${seconds}`,
    ])
  }

  #predicate(refs: readonly Ref[], depth: number): string {
    const ref = this.#choices.of(refs)
    const compared = this.#choices.of(['=', '<', '>=', '<>'])
    switch (this.#choices.below(depth > 0 ? 12 : 6)) {
      case 1:
        return `${ref.sql} IS ${this.#choices.of(['', 'NOT '])}NULL`
      case 2:
        return `(${this.#predicate(refs, depth - 1)} ${this.#choices.of(['AND', 'OR'])} ${this.#predicate(refs, depth - 1)})`
      case 3:
        return `NOT (${this.#predicate(refs, depth - 1)})`
      case 4:
        return `${ref.sql} IN (${literal(this.#choices, ref.type)}, ${literal(this.#choices, ref.type)})`
      case 6:
      case 7: {
        const { source, where } = this.#correlated(refs)
        const same = source.refs.filter((inner) => inner.type === ref.type)
        if (same.length === 0) return `EXISTS (SELECT 1 FROM ${source.sql}${where})`
        const not = this.#choices.of(['', 'NOT '])
        return `${ref.sql} ${not}IN (SELECT ${this.#choices.of(same).sql} FROM ${source.sql}${where})`
      }
      case 8:
      case 9: {
        const { source, where } = this.#correlated(refs)
        return `${this.#choices.of(['', 'NOT '])}EXISTS (SELECT 1 FROM ${source.sql}${where})`
      }
      case 10: {
        const { source, where } = this.#correlated(refs)
        const same = source.refs.filter((inner) => inner.type === ref.type)
        if (same.length === 0) return `${ref.sql} IS NULL`
        const of = this.#choices.of(['ANY', 'ALL'])
        return `${ref.sql} ${compared} ${of} (SELECT ${this.#choices.of(same).sql} FROM ${source.sql}${where})`
      }
      case 11:
        return `${this.#expr('int', refs, depth)} ${compared} ${this.#expr('int', refs, depth - 1)}`
      default:
        return `${ref.sql} ${compared} ${this.#expr(ref.type, refs, 0)}`
    }
  }

  /** A subquery's FROM and WHERE, of which the latter may refer to the rows outside. */
  #correlated(outer: readonly Ref[]): { source: Source; where: string } {
    const source = this.#relation()
    const pairs = outer.flatMap((o) => source.refs.filter((i) => i.type === o.type).map((i) => [o, i] as const))
    if (pairs.length === 0 || this.#choices.once(3)) return { source, where: this.#where(source.refs, 0) }
    const [o, i] = this.#choices.of(pairs)
    const more = this.#choices.once(3) ? ` AND ${this.#predicate(source.refs, 0)}` : ''
    return { source, where: ` WHERE ${i.sql} ${this.#choices.of(['=', '=', '<', '<>'])} ${o.sql}${more}` }
  }

  #expr(type: Type, refs: readonly Ref[], depth: number): string {
    const same = refs.filter((ref) => ref.type === type)
    const column = () => (same.length === 0 ? literal(this.#choices, type) : this.#choices.of(same).sql)
    const form = this.#choices.below(depth > 0 ? 9 : 6)
    if (form < 3) return column()
    if (form === 3) return literal(this.#choices, type)
    if (form === 4)
      return `CASE WHEN ${this.#predicate(refs, 0)} THEN ${column()} ELSE ${literal(this.#choices, type)} END`
    if (form === 5 || form === 8) {
      if (form === 5 || type === 'bool' || type === 'time') {
        if (type === 'int') return `(${column()} ${this.#choices.of(['+', '-', '*'])} ${literal(this.#choices, type)})`
        if (type === 'text') return `(${column()} || ${literal(this.#choices, type)})`
        return `coalesce(${column()}, ${literal(this.#choices, type)})`
      }
      return `coalesce(${this.#scalar(type, refs)}, ${column()})`
    }
    return this.#scalar(type, refs)
  }

  /** A subquery with one row, as it has aggregates and no GROUP BY. */
  #scalar(type: Type, outer: readonly Ref[]): string {
    const { source, where } = this.#correlated(outer)
    const same = source.refs.filter((ref) => ref.type === type)
    if (same.length === 0 || type === 'bool')
      return type === 'int' ? `(SELECT count(*) FROM ${source.sql}${where})` : literal(this.#choices, type)
    const call = type === 'int' ? this.#choices.of(['max', 'min', 'sum', 'count']) : this.#choices.of(['max', 'min'])
    return `(SELECT ${call}(${this.#choices.of(same).sql}) FROM ${source.sql}${where})`
  }

  #list<T>(count: number, make: () => T): T[] {
    return Array.from({ length: count }, make)
  }
}
