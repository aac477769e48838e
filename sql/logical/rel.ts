/** Operators: factories and walks over the relational algebra, which is the contract's `Rel`. */
import type {
  AggregateCall,
  AsOf,
  DataType,
  Expr,
  JoinKey,
  JoinKind,
  Rel,
  SortKey,
  WindowCall,
} from '../contract/plan.generated.js'
import { BIGINT } from '../types/data-type.js'
import { and, column, conjuncts, isTrue, shift, usedColumns } from './expr.js'

export type { Rel } from '../contract/plan.generated.js'

export type RelOf<Op extends Rel['op']> = Extract<Rel, { op: Op }>

/** `asOf` is the state of the past that is read; null is the query's own epoch. */
export function scan(relation: number, columns: readonly number[], asOf: AsOf | null = null): Rel {
  return { op: 'scan', relation, columns: [...columns], as_of: asOf }
}

export function filter(input: Rel, predicate: Expr): Rel {
  return isTrue(predicate) ? input : { op: 'filter', input, predicate }
}

export function project(input: Rel, exprs: readonly Expr[]): Rel {
  return { op: 'project', input, exprs: [...exprs] }
}

export function projectColumns(input: Rel, indexes: readonly number[]): Rel {
  return project(input, indexes.map(column))
}

export function aggregate(input: Rel, group: readonly Expr[], aggregates: readonly AggregateCall[]): Rel {
  return { op: 'aggregate', input, group: [...group], aggregates: [...aggregates] }
}

export function window(
  input: Rel,
  partition: readonly Expr[],
  order: readonly SortKey[],
  calls: readonly WindowCall[],
): Rel {
  return { op: 'window', input, partition: [...partition], order: [...order], calls: [...calls] }
}

export const ROW_NUMBER: WindowCall = {
  function: { function: 'row_number' },
  args: [],
  filter: null,
  frame: { unit: 'range', start: { bound: 'unbounded_preceding' }, end: { bound: 'current_row' } },
  data_type: BIGINT,
}

/** One row without meaning, for a SELECT without FROM. */
export function oneRow(): Rel {
  return {
    op: 'values',
    types: [{ type: 'boolean' }],
    rows: [[{ op: 'literal', literal: { type: 'boolean', value: true } }]],
  }
}

/** A join on a condition over left columns followed by right columns: equalities of the two sides become keys. */
export function join(kind: JoinKind, left: Rel, right: Rel, leftWidth: number, condition: Expr): Rel {
  const { keys, rest } = splitKeys(conjuncts(condition), leftWidth)
  return { op: 'join', kind, left, right, keys, residual: rest.length === 0 ? null : and(rest) }
}

/** Which conjuncts are `left expression = right expression`, or the same of IS NOT DISTINCT FROM. */
export function splitKeys(conditions: readonly Expr[], leftWidth: number): { keys: JoinKey[]; rest: Expr[] } {
  const keys: JoinKey[] = []
  const rest: Expr[] = []
  for (const condition of conditions) {
    const key = keyOf(condition, leftWidth)
    if (key === undefined) rest.push(condition)
    else keys.push(key)
  }
  return { keys, rest }
}

function keyOf(condition: Expr, leftWidth: number): JoinKey | undefined {
  if (condition.op !== 'binary') return undefined
  const nulls_equal = condition.operator === 'is_not_distinct_from'
  if (condition.operator !== 'equal' && !nulls_equal) return undefined
  const [a, b] = [sideOf(condition.left, leftWidth), sideOf(condition.right, leftWidth)]
  if (a === 'left' && b === 'right')
    return { left: condition.left, right: shift(condition.right, -leftWidth), nulls_equal }
  if (a === 'right' && b === 'left')
    return { left: condition.right, right: shift(condition.left, -leftWidth), nulls_equal }
  return undefined
}

export function sideOf(expr: Expr, leftWidth: number): 'left' | 'right' | 'both' | 'none' {
  let [left, right] = [false, false]
  for (const index of usedColumns(expr)) {
    if (index < leftWidth) left = true
    else right = true
  }
  if (left && right) return 'both'
  return left ? 'left' : right ? 'right' : 'none'
}

export function inputs(rel: Rel): readonly Rel[] {
  switch (rel.op) {
    case 'scan':
    case 'values':
    case 'generate_series':
      return []
    case 'join':
      return [rel.left, rel.right]
    case 'union_all':
      return rel.inputs
    case 'filter':
    case 'project':
    case 'aggregate':
    case 'window':
    case 'sort':
    case 'limit':
    case 'time_window':
    case 'temporal_filter':
    case 'unnest':
      return [rel.input]
    default:
      return rel satisfies never
  }
}

export function mapInputs(rel: Rel, f: (input: Rel) => Rel): Rel {
  const before = inputs(rel)
  const after = before.map(f)
  if (after.every((input, i) => input === before[i])) return rel
  switch (rel.op) {
    case 'scan':
    case 'values':
    case 'generate_series':
      return rel
    case 'join':
      return { ...rel, left: after[0]!, right: after[1]! }
    case 'union_all':
      return { ...rel, inputs: after }
    default:
      return { ...rel, input: after[0]! }
  }
}

/** The operator with `f` applied to each of its own expressions. */
export function mapExprs(rel: Rel, f: (expr: Expr) => Expr): Rel {
  const key = (sort: SortKey): SortKey => replaced(sort, { expr: f(sort.expr) })
  switch (rel.op) {
    case 'scan':
    case 'generate_series':
    case 'limit':
    case 'union_all':
      return rel
    case 'values':
      return replaced(rel, { rows: list(rel.rows, (row) => list(row, f)) })
    case 'filter':
      return replaced(rel, { predicate: f(rel.predicate) })
    case 'project':
      return replaced(rel, { exprs: list(rel.exprs, f) })
    case 'join':
      return replaced(rel, {
        keys: list(rel.keys, (pair) => replaced(pair, { left: f(pair.left), right: f(pair.right) })),
        residual: optional(rel.residual, f),
      })
    case 'aggregate':
      return replaced(rel, {
        group: list(rel.group, f),
        aggregates: list(rel.aggregates, (call) =>
          replaced(call, { arg: optional(call.arg, f), filter: optional(call.filter, f) }),
        ),
      })
    case 'window':
      return replaced(rel, {
        partition: list(rel.partition, f),
        order: list(rel.order, key),
        calls: list(rel.calls, (call) =>
          replaced(call, { args: list(call.args, f), filter: optional(call.filter, f) }),
        ),
      })
    case 'sort':
      return replaced(rel, { keys: list(rel.keys, key) })
    case 'time_window':
      return replaced(rel, { time: f(rel.time) })
    case 'temporal_filter':
      return replaced(rel, { from: list(rel.from, f), until: list(rel.until, f) })
    case 'unnest':
      return replaced(rel, { lists: list(rel.lists, f) })
    default:
      return rel satisfies never
  }
}

/** All expressions of this operator, not of its inputs. */
export function exprsOf(rel: Rel): Expr[] {
  const found: Expr[] = []
  mapExprs(rel, (expr) => {
    found.push(expr)
    return expr
  })
  return found
}

export function someRel(rel: Rel, test: (rel: Rel) => boolean): boolean {
  return test(rel) || inputs(rel).some((input) => someRel(input, test))
}

/** At most one row comes out, whatever the data. */
export function atMostOneRow(rel: Rel): boolean {
  switch (rel.op) {
    case 'aggregate':
      return rel.group.length === 0
    case 'values':
      return rel.rows.length <= 1
    case 'project':
    case 'filter':
      return atMostOneRow(rel.input)
    case 'sort':
    case 'limit':
      return (rel.limit !== null && rel.limit <= 1n) || atMostOneRow(rel.input)
    case 'join':
      return (rel.kind === 'inner' || rel.kind === 'left') && atMostOneRow(rel.left) && atMostOneRow(rel.right)
    default:
      return false
  }
}

/** Exactly one row comes out, whatever the data. */
export function exactlyOneRow(rel: Rel): boolean {
  if (rel.op === 'aggregate') return rel.group.length === 0
  if (rel.op === 'values') return rel.rows.length === 1
  return rel.op === 'project' && exactlyOneRow(rel.input)
}

export type ColumnTypes = (relation: number) => readonly DataType[] | undefined

function list<T>(items: T[], f: (item: T) => T): T[] {
  const after = items.map(f)
  return after.every((item, i) => item === items[i]) ? items : after
}

function optional(expr: Expr | null, f: (expr: Expr) => Expr): Expr | null {
  return expr === null ? null : f(expr)
}

function replaced<T extends object>(node: T, changes: Partial<T>): T {
  for (const [name, value] of Object.entries(changes)) {
    if (node[name as keyof T] !== value) return { ...node, ...changes }
  }
  return node
}
