/** A query's output columns brought to other types: for UNION and INSERT. Strings of unknown type in the select list take the type as
 *  literals, so that `SELECT '2024-01-01' UNION SELECT d` reads a date. */
import type { Expr, Rel } from '../contract/plan.generated.js'
import { column } from '../logical/expr.js'
import { project } from '../logical/rel.js'
import type { Span } from '../syntax/tree.js'
import type { CastContext } from '../types/coercion.js'
import { type DataType, sameType } from '../types/data-type.js'
import { coerce } from './coerce.js'
import type { BoundQuery } from './environment.js'
import { isParameter } from './parameters.js'

/** What a type can still be given to. */
function isUntyped(expr: Expr): boolean {
  return expr.op === 'literal' || isParameter(expr)
}

export function retype(
  query: BoundQuery,
  types: readonly DataType[],
  context: CastContext,
  span: Span,
  what?: (index: number) => (from: string, to: string) => string,
): Rel {
  if (query.columns.every((c, i) => !c.unknown && sameType(c.type, types[i]!))) return query.rel
  const { rel } = query
  const exprs = query.columns.map((c, i) => {
    const literal = c.unknown && rel.op === 'project' && isUntyped(rel.exprs[i]!) ? rel.exprs[i]! : undefined
    if (literal !== undefined) return coerce({ expr: literal, type: c.type, unknown: true, span }, types[i]!, context)
    return coerce({ expr: column(i), type: c.type, unknown: c.unknown, span }, types[i]!, context, what?.(i))
  })
  return project(rel, exprs)
}
