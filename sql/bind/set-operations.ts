/** UNION, INTERSECT and EXCEPT. UNION is a distinct over UNION ALL; INTERSECT and EXCEPT are one aggregate over both sides, each row
 *  marked with its side, so they need no operator of their own and treat NULLs as equal, as SQL wants. Their ALL forms are the same
 *  over rows that are numbered among their equals. */
import type { AggregateCall, Expr, Rel } from '../contract/plan.generated.js'
import { and, column, FALSE_EXPR, not, TRUE_EXPR } from '../logical/expr.js'
import { aggregate, filter, project, projectColumns, ROW_NUMBER, window } from '../logical/rel.js'
import type * as tree from '../syntax/tree.js'
import { commonType } from '../types/coercion.js'
import { BOOLEAN, type DataType, TEXT, typeName } from '../types/data-type.js'
import type { BoundQuery, Environment, OutputColumn } from './environment.js'
import { fail } from './fail.js'
import { bindBody } from './query.js'
import { retype } from './retype.js'

export function bindSetOperation(operation: tree.SetOperation, env: Environment): BoundQuery {
  const name = operation.operator.toUpperCase()
  const [left, right] = [bindBody(operation.left, env), bindBody(operation.right, env)]
  if (left.columns.length !== right.columns.length) {
    fail('SyntaxError', `each ${name} query must have the same number of columns`, operation.right.span)
  }
  const types = left.columns.map((c, i) => common(c, right.columns[i]!, name, operation.right.span))
  const sides = [
    retype(left, types, 'implicit', operation.left.span),
    retype(right, types, 'implicit', operation.right.span),
  ]
  const columns = left.columns.map((c, i): OutputColumn => ({ name: c.name, type: types[i]!, unknown: false }))
  if (operation.operator === 'union') {
    const inputs = operation.all ? sides.flatMap((side) => (side.op === 'union_all' ? side.inputs : [side])) : sides
    const all: Rel = { op: 'union_all', inputs }
    return {
      rel: operation.all
        ? all
        : aggregate(
            all,
            types.map((_, i) => column(i)),
            [],
          ),
      columns,
    }
  }
  if (!operation.all) return { rel: marked(sides[0]!, sides[1]!, operation.operator, types.length), columns }
  const [numberedLeft, numberedRight] = sides.map((side) => numbered(side, types.length))
  const kept = marked(numberedLeft!, numberedRight!, operation.operator, types.length + 1)
  return {
    rel: projectColumns(
      kept,
      types.map((_, i) => i),
    ),
    columns,
  }
}

function common(a: OutputColumn, b: OutputColumn, name: string, at: tree.Span): DataType {
  if (a.unknown && b.unknown) return TEXT
  if (a.unknown) return b.type
  if (b.unknown) return a.type
  return (
    commonType([a.type, b.type]) ??
    fail('DatatypeMismatch', `${name} types ${typeName(a.type)} and ${typeName(b.type)} cannot be matched`, at)
  )
}

/** Equal rows numbered from 1: with the number, INTERSECT ALL and EXCEPT ALL are INTERSECT and EXCEPT. */
function numbered(side: Rel, width: number): Rel {
  const all = Array.from({ length: width }, (_, i) => column(i))
  return window(side, all, [], [ROW_NUMBER])
}

function marked(left: Rel, right: Rel, operator: 'intersect' | 'except', width: number): Rel {
  const all = Array.from({ length: width }, (_, i) => column(i))
  const side = (input: Rel, ...marks: Expr[]) => project(input, [...all, ...marks])
  const any = (index: number): AggregateCall => ({
    function: 'bool_or',
    arg: column(index),
    distinct: false,
    filter: null,
    data_type: BOOLEAN,
  })
  const both: Rel = { op: 'union_all', inputs: [side(left, TRUE_EXPR, FALSE_EXPR), side(right, FALSE_EXPR, TRUE_EXPR)] }
  const groups = aggregate(both, all, [any(width), any(width + 1)])
  const inRight = column(width + 1)
  return project(filter(groups, and([column(width), operator === 'intersect' ? inRight : not(inRight)])), all)
}
