/** Columns that nobody uses are not read, carried, joined or kept as state: the wanted ones are asked for from the top down, until
 *  the scans list only those. Why: a scan reads columns, and state is made of them. Calls of aggregates and windows that nobody
 *  uses go as well. Group keys and the columns of a DISTINCT stay, as they decide which rows there are; so does everything
 *  that a join or filter compares. One column always stays: a batch without columns has no rows. */
import type { DataType, Expr, Rel, SortKey } from '../../contract/plan.generated.js'
import { remap, usedColumns } from '../../logical/expr.js'
import { project, projectColumns, scan } from '../../logical/rel.js'
import type { Rule, RuleContext } from '../rule.js'

export const pruneColumns: Rule = {
  name: 'prune-columns',
  scope: 'plan',
  apply(rel, context) {
    const width = context.width(rel)
    const all = new Set(range(width))
    const pruned = prune(rel, all, context)
    const identity =
      pruned.at.length === width && context.width(pruned.rel) === width && pruned.at.every((to, i) => to === i)
    const result = identity
      ? pruned.rel
      : projectColumns(pruned.rel, all.size === 0 ? [] : range(width).map((i) => pruned.at[i]!))
    return sameValue(rel, result) ? rel : result
  },
}

interface Pruned {
  readonly rel: Rel
  /** Where a column of the old output is now; -1 for one that is gone. */
  readonly at: readonly number[]
}

/** The operator with at least the wanted columns. */
function prune(rel: Rel, wanted: ReadonlySet<number>, context: RuleContext): Pruned {
  switch (rel.op) {
    case 'scan': {
      const kept = rel.columns.length === 0 ? [] : keep(wanted, context.types(rel))
      return {
        rel:
          kept.length === rel.columns.length
            ? rel
            : scan(
                rel.relation,
                kept.map((i) => rel.columns[i]!),
                rel.as_of,
              ),
        at: places(kept, rel.columns.length),
      }
    }
    case 'values': {
      const kept = keep(wanted, rel.types)
      if (kept.length === rel.types.length) return unchanged(rel, kept.length)
      const values: Rel = {
        op: 'values',
        types: kept.map((i) => rel.types[i]!),
        rows: rel.rows.map((row) => kept.map((i) => row[i]!)),
      }
      return { rel: values, at: places(kept, rel.types.length) }
    }
    case 'generate_series':
      return unchanged(rel, 1)
    case 'filter': {
      const input = prune(rel.input, union(wanted, [rel.predicate]), context)
      return { rel: { ...rel, input: input.rel, predicate: moved(rel.predicate, input) }, at: input.at }
    }
    case 'project': {
      const kept = keep(wanted, context.types(rel))
      const exprs = kept.map((i) => rel.exprs[i]!)
      const input = prune(rel.input, union([], exprs), context)
      return {
        rel: project(
          input.rel,
          exprs.map((expr) => moved(expr, input)),
        ),
        at: places(kept, rel.exprs.length),
      }
    }
    case 'join':
      return pruneJoin(rel, wanted, context)
    case 'aggregate':
      return pruneAggregate(rel, wanted, context)
    case 'window':
      return pruneWindow(rel, wanted, context)
    case 'sort': {
      const input = prune(
        rel.input,
        union(
          wanted,
          rel.keys.map((key) => key.expr),
        ),
        context,
      )
      return { rel: { ...rel, input: input.rel, keys: movedKeys(rel.keys, input) }, at: input.at }
    }
    case 'limit': {
      const input = prune(rel.input, wanted, context)
      return { rel: { ...rel, input: input.rel }, at: input.at }
    }
    case 'union_all': {
      const types = context.types(rel)
      const kept = keep(wanted, types)
      const narrowed = rel.inputs.map((old) => {
        const input = prune(old, new Set(kept), context)
        const exact = context.width(input.rel) === kept.length && kept.every((i, at) => input.at[i] === at)
        return exact
          ? input.rel
          : projectColumns(
              input.rel,
              kept.map((i) => input.at[i]!),
            )
      })
      return { rel: { ...rel, inputs: narrowed }, at: places(kept, types.length) }
    }
    case 'temporal_filter': {
      const input = prune(rel.input, union(wanted, [...rel.from, ...rel.until]), context)
      const bounds = (list: readonly Expr[]) => list.map((bound) => moved(bound, input))
      return { rel: { ...rel, input: input.rel, from: bounds(rel.from), until: bounds(rel.until) }, at: input.at }
    }
    case 'time_window': {
      const width = context.width(rel.input)
      const input = prune(
        rel.input,
        union(
          [...wanted].filter((i) => i < width),
          [rel.time],
        ),
        context,
      )
      const after = context.width(input.rel)
      return { rel: { ...rel, input: input.rel, time: moved(rel.time, input) }, at: [...input.at, after, after + 1] }
    }
    case 'unnest': {
      // Every list stays: the longest of them decides how many rows there are.
      const width = context.width(rel.input)
      const below = [...wanted].filter((i) => i < width)
      const input = prune(rel.input, union(below, rel.lists), context)
      const after = context.width(input.rel)
      const added = rel.lists.length + (rel.ordinality ? 1 : 0)
      const lists = rel.lists.map((expr) => moved(expr, input))
      return { rel: { ...rel, input: input.rel, lists }, at: [...input.at, ...range(added).map((i) => after + i)] }
    }
    default:
      return rel satisfies never
  }
}

function pruneJoin(rel: Rel & { op: 'join' }, wanted: ReadonlySet<number>, context: RuleContext): Pruned {
  const leftWidth = context.width(rel.left)
  const both = union(wanted, rel.residual === null ? [] : [rel.residual])
  const left = prune(
    rel.left,
    union(
      [...both].filter((i) => i < leftWidth),
      rel.keys.map((key) => key.left),
    ),
    context,
  )
  const right = prune(
    rel.right,
    union(
      [...both].filter((i) => i >= leftWidth).map((i) => i - leftWidth),
      rel.keys.map((key) => key.right),
    ),
    context,
  )
  const leftAfter = context.width(left.rel)
  const at = [...left.at, ...right.at.map((to) => (to === -1 ? -1 : to + leftAfter))]
  const joined: Rel = {
    ...rel,
    left: left.rel,
    right: right.rel,
    keys: rel.keys.map((key) => ({ ...key, left: moved(key.left, left), right: moved(key.right, right) })),
    residual: rel.residual === null ? null : remap(rel.residual, (i) => at[i]!),
  }
  return { rel: joined, at: rel.kind === 'semi' || rel.kind === 'anti' ? left.at : at }
}

function pruneAggregate(rel: Rel & { op: 'aggregate' }, wanted: ReadonlySet<number>, context: RuleContext): Pruned {
  const keys = rel.group.length
  let calls = rel.aggregates.map((_, i) => i).filter((i) => wanted.has(keys + i))
  if (keys === 0 && calls.length === 0) calls = rel.aggregates.length === 0 ? [] : [0]
  const kept = calls.map((i) => rel.aggregates[i]!)
  const exprs = [...rel.group, ...kept.flatMap((call) => [call.arg, call.filter].filter((expr) => expr !== null))]
  const input = prune(rel.input, union([], exprs), context)
  const pruned: Rel = {
    ...rel,
    input: input.rel,
    group: rel.group.map((expr) => moved(expr, input)),
    aggregates: kept.map((call) => ({
      ...call,
      arg: call.arg === null ? null : moved(call.arg, input),
      filter: call.filter === null ? null : moved(call.filter, input),
    })),
  }
  return { rel: pruned, at: places([...range(keys), ...calls.map((i) => keys + i)], keys + rel.aggregates.length) }
}

function pruneWindow(rel: Rel & { op: 'window' }, wanted: ReadonlySet<number>, context: RuleContext): Pruned {
  const width = context.width(rel.input)
  const calls = range(rel.calls.length).filter((i) => wanted.has(width + i))
  const below = [...wanted].filter((i) => i < width)
  if (calls.length === 0) {
    const input = prune(rel.input, new Set(below), context)
    return { rel: input.rel, at: [...input.at, ...rel.calls.map(() => -1)] }
  }
  const kept = calls.map((i) => rel.calls[i]!)
  const exprs = [
    ...rel.partition,
    ...rel.order.map((key) => key.expr),
    ...kept.flatMap((call) => [...call.args, ...(call.filter === null ? [] : [call.filter])]),
  ]
  const input = prune(rel.input, union(below, exprs), context)
  const after = context.width(input.rel)
  const pruned: Rel = {
    ...rel,
    input: input.rel,
    partition: rel.partition.map((expr) => moved(expr, input)),
    order: movedKeys(rel.order, input),
    calls: kept.map((call) => ({
      ...call,
      args: call.args.map((expr) => moved(expr, input)),
      filter: call.filter === null ? null : moved(call.filter, input),
    })),
  }
  return {
    rel: pruned,
    at: [...input.at, ...range(rel.calls.length).map((i) => (calls.includes(i) ? after + calls.indexOf(i) : -1))],
  }
}

/** The wanted columns in order; the narrowest one where none is wanted. */
function keep(wanted: ReadonlySet<number>, types: readonly DataType[]): number[] {
  const kept = range(types.length).filter((i) => wanted.has(i))
  if (kept.length > 0 || types.length === 0) return kept
  const narrow = types.findIndex((type) => type.type !== 'text' && type.type !== 'bytea')
  return [Math.max(0, narrow)]
}

function places(kept: readonly number[], width: number): number[] {
  const at = new Array<number>(width).fill(-1)
  kept.forEach((old, now) => {
    at[old] = now
  })
  return at
}

function unchanged(rel: Rel, width: number): Pruned {
  return { rel, at: range(width) }
}

function union(columns: Iterable<number>, exprs: readonly Expr[]): Set<number> {
  const all = new Set(columns)
  for (const expr of exprs) usedColumns(expr, all)
  return all
}

function moved(expr: Expr, input: Pruned): Expr {
  return remap(expr, (index) => input.at[index]!)
}

function movedKeys(keys: readonly SortKey[], input: Pruned): SortKey[] {
  return keys.map((key) => ({ ...key, expr: moved(key.expr, input) }))
}

function range(length: number): number[] {
  return Array.from({ length }, (_, i) => i)
}

/** Pruning rebuilds the plan; whether anything is gone shows when old and new are compared value by value. */
function sameValue(a: unknown, b: unknown): boolean {
  if (a === b) return true
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false
  const names = Object.keys(a)
  if (names.length !== Object.keys(b).length || Array.isArray(a) !== Array.isArray(b)) return false
  return names.every((name) => sameValue(a[name as keyof typeof a], b[name as keyof typeof b]))
}
