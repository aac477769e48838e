/** Functions that give rows, where the engine has no operator for them: in FROM with arguments that are not constants, and in a select
 *  list. They are written over a series of numbers, one for each row that they may give. */
import type * as tree from '../syntax/tree.js'
import { isAggregate } from './aggregates.js'
import { unsupported } from './fail.js'
import { expressionOf, tableOf } from './template.js'

/** Rows that a function gives at most for each row beside it, and where nothing is beside it. */
const LATERAL_MAX = 1600
const ALONE_MAX = 1_000_000

interface SetFunction {
  readonly arguments: readonly number[]
  /** How many rows it gives. */
  readonly count: (args: number) => string
  /** The n-th of them, from 1, where `#` is n. */
  readonly value: (args: number) => string
}

const step = (args: number) => (args === 3 ? '($3)' : '1')
const lengthOf = (at: number) => `cardinality($${at})`

const FUNCTIONS: Readonly<Record<string, SetFunction>> = {
  generate_series: {
    arguments: [2, 3],
    count: (args) => `greatest((($2) - ($1)) / ${step(args)} + 1, 0)`,
    value: (args) => `($1) + (# - 1) * ${step(args)}`,
  },
  generate_subscripts: { arguments: [2], count: () => lengthOf(1), value: () => '#' },
  unnest: { arguments: [1], count: () => lengthOf(1), value: () => '($1)[#]' },
  // Of the SQL standard's schema: what drivers number the columns of a key with.
  _pg_expandarray: {
    arguments: [1],
    count: () => lengthOf(1),
    value: () => 'CAST(ROW(($1)[#], #) AS ROW(x integer, n integer))',
  },
}

/** At most as many as the series has, which is an error and not a shorter answer. */
function bounded(count: string, most: number): string {
  return `CASE WHEN ${count} > ${most} THEN CAST(concat('a set of more than ${most} rows') AS integer) ELSE ${count} END`
}

export function isSetFunction(name: string): boolean {
  return Object.hasOwn(FUNCTIONS, name)
}

/** A call in FROM as a derived table; undefined where it is none of these functions. */
export function setFunctionTable(ref: tree.TableFunction, name: string): tree.DerivedTable | undefined {
  const { args, span } = ref
  if (name === 'pg_partition_ancestors' && args.length === 1) {
    return aliased(
      'LATERAL (SELECT CAST(NULL AS bigint) AS relid, CAST(0 AS bigint) AS ordinality WHERE false) AS "$s"',
      ref,
      name,
      [],
    )
  }
  const several = name === 'unnest' && args.length > 1
  const known = FUNCTIONS[name]
  if (known === undefined || !(several || known.arguments.includes(args.length))) return undefined
  const most = args.some(hasColumns) ? LATERAL_MAX : mostOf(args)
  const lists = several ? args.map((_, at) => at + 1) : [0]
  const values = several
    ? lists.map((at) => `($${at})["$i"."$n"] AS unnest`)
    : [`${known.value(args.length).replaceAll('#', '"$i"."$n"')} AS "${name}"`]
  const count = several ? `greatest(${lists.map(lengthOf).join(', ')})` : known.count(args.length)
  const ordinality = ref.ordinality ? ', CAST("$i"."$n" AS bigint) AS ordinality' : ''
  const form = `LATERAL (SELECT ${values.join(', ')}${ordinality} FROM generate_series(1, ${most}) AS "$i" ("$n") WHERE "$i"."$n" <= ${bounded(count, most)}) AS "$s"`
  return aliased(form, { ...ref, span }, name, args)
}

function aliased(form: string, ref: tree.TableFunction, name: string, args: readonly tree.Expr[]): tree.DerivedTable {
  const { alias, span } = ref
  const table = tableOf(form, args, span)
  if (table.kind !== 'derived_table') throw new Error('no derived table')
  const named: tree.Ident = alias?.name ?? { kind: 'ident', name, span }
  // The column of a function that gives one is called as the alias.
  const columns =
    alias !== undefined && alias.columns.length === 0 && name !== 'pg_partition_ancestors'
      ? [named]
      : (alias?.columns ?? [])
  return { ...table, alias: { kind: 'table_alias', name: named, columns, span } }
}

/** An array that is written out tells its own length. */
function mostOf(args: readonly tree.Expr[]): number {
  const lengths = args.map((arg) => {
    if (arg.kind === 'array') return Math.max(arg.items.length, 1)
    if (arg.kind === 'cast' && arg.operand.kind === 'string') return arg.operand.value.split(',').length
    return ALONE_MAX
  })
  return Math.max(...lengths)
}

function hasColumns(node: unknown): boolean {
  if (typeof node !== 'object' || node === null) return false
  if (Array.isArray(node)) return node.some(hasColumns)
  return (node as { kind?: string }).kind === 'column' || Object.values(node).some(hasColumns)
}

/** A select list with such functions, as one without them over one more table: functions side by side go on in step. */
export function withoutSetFunctions(select: tree.Select): tree.Select {
  const calls: tree.Call[] = []
  collect(select.items, calls)
  if (calls.length === 0) return select
  const [first] = calls
  if (select.groupBy !== undefined || select.having !== undefined || hasAggregate(select.items))
    unsupported('set-returning functions beside GROUP BY or aggregates are not supported', first!.span)
  const counts = calls.map((call) => ({ call, known: FUNCTIONS[call.name.parts.at(-1)!.name]! }))
  const { span } = first!
  const alone = !calls.some(({ args }) => args.some(hasColumns))
  const most = alone ? Math.max(...calls.map((call) => mostOf(call.args))) : LATERAL_MAX
  const lengths = counts.map(({ call, known }) => expressionOf(known.count(call.args.length), call.args, call.span))
  const longest = lengths.reduce((left, right) => expressionOf('greatest($1, $2)', [left, right], span))
  const rows = tableOf(
    `LATERAL (SELECT "$i"."$n" FROM generate_series(1, ${most}) AS "$i" ("$n") WHERE "$i"."$n" <= ${bounded('$1', most)}) AS "$rows"`,
    [longest],
    span,
  )
  const replaced = new Map(
    counts.map(({ call, known }): [tree.Call, tree.Expr] => {
      const length = known.count(call.args.length)
      const value = known.value(call.args.length).replaceAll('#', '"$rows"."$n"')
      const form = calls.length === 1 ? value : `CASE WHEN "$rows"."$n" <= ${length} THEN ${value} END`
      return [call, expressionOf(form, call.args, call.span)]
    }),
  )
  const items = select.items.map((item) => {
    if (item.kind !== 'select_expr') return item
    const direct = item.expr.kind === 'call' && replaced.has(item.expr)
    const name = direct ? (item.expr as tree.Call).name.parts.at(-1)! : undefined
    return { ...item, expr: exchange(item.expr, replaced), ...(item.alias === undefined && name && { alias: name }) }
  })
  return { ...select, items, from: [...select.from, rows] }
}

/** Calls outside of subqueries. */
function collect(node: unknown, into: tree.Call[]): void {
  if (typeof node !== 'object' || node === null) return
  if (Array.isArray(node)) {
    for (const item of node) collect(item, into)
    return
  }
  const { kind } = node as { kind?: string }
  if (kind === 'query') return
  if (kind === 'call') {
    const call = node as tree.Call
    const known = FUNCTIONS[call.name.parts.at(-1)!.name]
    if (call.over === undefined && known?.arguments.includes(call.args.length) === true) {
      into.push(call)
      return
    }
  }
  for (const value of Object.values(node)) collect(value, into)
}

function hasAggregate(node: unknown): boolean {
  if (typeof node !== 'object' || node === null) return false
  if (Array.isArray(node)) return node.some(hasAggregate)
  const { kind } = node as { kind?: string }
  if (kind === 'query') return false
  if (kind === 'call') {
    const call = node as tree.Call
    if (call.over === undefined && isAggregate(call.name.parts.at(-1)!.name)) return true
  }
  return Object.values(node).some(hasAggregate)
}

function exchange(expr: tree.Expr, by: ReadonlyMap<tree.Call, tree.Expr>): tree.Expr {
  const walk = (node: unknown): unknown => {
    if (typeof node !== 'object' || node === null) return node
    if (Array.isArray(node)) return node.map(walk)
    const other = by.get(node as tree.Call)
    if (other !== undefined) return other
    return Object.fromEntries(Object.entries(node).map(([key, value]) => [key, walk(value)]))
  }
  return walk(expr) as tree.Expr
}
