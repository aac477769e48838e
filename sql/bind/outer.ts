/** References to the queries around a subquery. Until the subquery is joined to what it stands in, such a reference is a call of a
 *  function that no statement can name: it has a type, walks pass it by, and no column number of another operator can meet it. */
import type { DataType, Expr, Rel } from '../contract/plan.generated.js'
import { bigint, children, exprKey, mapChildren, substitute } from '../logical/expr.js'
import { exprsOf, inputs } from '../logical/rel.js'
import type { Scope } from './scope.js'

/** A query around, seen from a subquery in it. */
export interface OuterScope {
  readonly scope: Scope
  /** Which of the queries around it is. */
  readonly id: number
  readonly parent: OuterScope | undefined
}

const OUTER = ' outer'

export function outerColumn(id: number, index: number, type: DataType): Expr {
  return { op: 'call', function: OUTER, args: [bigint(BigInt(id)), bigint(BigInt(index))], data_type: type }
}

function placeOfOuter(expr: Expr): { id: number; index: number } | undefined {
  if (expr.op !== 'call' || expr.function !== OUTER) return undefined
  const [id, index] = expr.args.map((arg) =>
    arg.op === 'literal' && arg.literal.type === 'bigint' ? Number(arg.literal.value) : -1,
  )
  return { id: id!, index: index! }
}

/** An expression over a scope's columns as one over references to them. */
export function asOuter(expr: Expr, type: DataType, { scope, id }: OuterScope): Expr {
  if (expr.op === 'column') return outerColumn(id, expr.index, type)
  return substitute(expr, (index) => {
    const at = scope.columns.find((c) => c.expr.op === 'column' && c.expr.index === index)
    return outerColumn(id, index, at?.type ?? type)
  })
}

export function refersOut(expr: Expr, id?: number): boolean {
  const place = placeOfOuter(expr)
  if (place !== undefined) return id === undefined || place.id === id
  return children(expr).some((child) => refersOut(child, id))
}

const known = new WeakMap<Rel, ReadonlySet<number>>()

/** The queries around that an operator or its inputs refer to. */
function outersOf(rel: Rel): ReadonlySet<number> {
  let found = known.get(rel)
  if (found === undefined) {
    const ids = new Set<number>()
    const walk = (expr: Expr): void => {
      const place = placeOfOuter(expr)
      if (place === undefined) children(expr).forEach(walk)
      else ids.add(place.id)
    }
    exprsOf(rel).forEach(walk)
    for (const input of inputs(rel)) for (const id of outersOf(input)) ids.add(id)
    found = ids
    known.set(rel, found)
  }
  return found
}

export function isCorrelated(rel: Rel, id: number): boolean {
  return outersOf(rel).has(id)
}

/** The expression with each reference to that query replaced. */
export function resolveOuter(expr: Expr, id: number, column: (index: number) => Expr): Expr {
  const place = placeOfOuter(expr)
  if (place === undefined) return mapChildren(expr, (child) => resolveOuter(child, id, column))
  return place.id === id ? column(place.index) : expr
}

/** A reference with the casts around it: as a whole it is what the subquery compares with. */
export function isOuterValue(expr: Expr, id: number): boolean {
  if (expr.op === 'cast') return isOuterValue(expr.input, id)
  return placeOfOuter(expr)?.id === id
}

/** The distinct values of that query's rows on which a subquery depends. */
export function outerValues(rel: Rel, id: number): Expr[] {
  const found = new Map<string, Expr>()
  const walk = (expr: Expr): void => {
    if (isOuterValue(expr, id)) found.set(exprKey(expr), expr)
    else children(expr).forEach(walk)
  }
  const each = (node: Rel): void => {
    if (!isCorrelated(node, id)) return
    exprsOf(node).forEach(walk)
    inputs(node).forEach(each)
  }
  each(rel)
  return [...found.values()]
}
