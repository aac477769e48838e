/** The output types of operators, re-derived and checked. Run after binding and after every rewrite that changed something: a
 *  rule that breaks a plan is found at the rule, not in the engine. */
import type { BinaryOp, DataType, Expr, Rel } from '../contract/plan.generated.js'
import { timeArithmetic } from '../types/coercion.js'
import { BIGINT, isNumber, sameType, sameTypes, typeName } from '../types/data-type.js'
import { children, typeOf } from './expr.js'
import type { ColumnTypes } from './rel.js'

const cache = new WeakMap<Rel, readonly DataType[]>()

/** The output types; computed once an operator. Throws on a plan that is not well formed: a bug of the planner. */
export function typesOf(rel: Rel, columns: ColumnTypes): readonly DataType[] {
  let types = cache.get(rel)
  if (types === undefined) {
    types = derive(rel, columns)
    cache.set(rel, types)
  }
  return types
}

export class PlanFault extends Error {
  override readonly name = 'PlanFault'
}

function must(condition: boolean, what: string): asserts condition {
  if (!condition) throw new PlanFault(`invalid plan: ${what}`)
}

function derive(rel: Rel, columns: ColumnTypes): readonly DataType[] {
  switch (rel.op) {
    case 'scan': {
      const types = columns(rel.relation)
      must(types !== undefined, `scan of relation ${rel.relation}`)
      return rel.columns.map((index) => {
        const type = types[index]
        must(type !== undefined, `scan of column ${index}`)
        return type
      })
    }
    case 'values':
      for (const row of rel.rows) {
        must(row.length === rel.types.length, 'a row of VALUES has another width')
        for (const [i, expr] of row.entries())
          must(sameType(check(expr, []), rel.types[i]!), 'a value has another type')
      }
      return rel.types
    case 'filter': {
      const types = typesOf(rel.input, columns)
      boolean(rel.predicate, types)
      return types
    }
    case 'project': {
      const types = typesOf(rel.input, columns)
      return rel.exprs.map((expr) => check(expr, types))
    }
    case 'join': {
      const [left, right] = [typesOf(rel.left, columns), typesOf(rel.right, columns)]
      for (const key of rel.keys)
        must(keyTypes(check(key.left, left), check(key.right, right)), 'a join key of two types')
      const both = [...left, ...right]
      if (rel.residual !== null) boolean(rel.residual, both)
      return rel.kind === 'semi' || rel.kind === 'anti' ? left : both
    }
    case 'aggregate': {
      const types = typesOf(rel.input, columns)
      for (const call of rel.aggregates) {
        if (call.arg !== null) check(call.arg, types)
        if (call.filter !== null) boolean(call.filter, types)
      }
      return [...rel.group.map((expr) => check(expr, types)), ...rel.aggregates.map((call) => call.data_type)]
    }
    case 'window': {
      const types = typesOf(rel.input, columns)
      for (const expr of [
        ...rel.partition,
        ...rel.order.map((key) => key.expr),
        ...rel.calls.flatMap((call) => call.args),
      ]) {
        check(expr, types)
      }
      return [...types, ...rel.calls.map((call) => call.data_type)]
    }
    case 'sort': {
      const types = typesOf(rel.input, columns)
      for (const key of rel.keys) check(key.expr, types)
      return types
    }
    case 'limit':
      return typesOf(rel.input, columns)
    case 'union_all': {
      const [first, ...rest] = rel.inputs.map((input) => typesOf(input, columns))
      must(first !== undefined, 'UNION ALL of nothing')
      for (const types of rest) must(sameTypes(types, first), 'the inputs of UNION ALL have different types')
      return first
    }
    case 'temporal_filter': {
      const types = typesOf(rel.input, columns)
      for (const bound of [...rel.from, ...rel.until])
        must(check(bound, types).type === 'timestamptz', 'a temporal filter by no moment')
      return types
    }
    case 'time_window': {
      const types = typesOf(rel.input, columns)
      const time = check(rel.time, types)
      must(time.type === 'timestamp' || time.type === 'timestamptz', 'a time window over no time')
      return [...types, time, time]
    }
    case 'unnest': {
      const types = typesOf(rel.input, columns)
      const elements = rel.lists.map((list) => {
        const type = check(list, types)
        must(type.type === 'array', `unnest of ${typeName(type)}`)
        return (type as DataType & { type: 'array' }).element
      })
      return [...types, ...elements, ...(rel.ordinality ? [BIGINT] : [])]
    }
    case 'generate_series':
      return [BIGINT]
    default:
      return rel satisfies never
  }
}

/** NUMERICs of any scale until `align-join-keys` gives them one type. */
function keyTypes(left: DataType, right: DataType): boolean {
  return sameType(left, right) || (left.type === 'numeric' && right.type === 'numeric')
}

function boolean(expr: Expr, input: readonly DataType[]): void {
  const type = check(expr, input)
  must(type.type === 'boolean', `a predicate of type ${typeName(type)}`)
}

const checked = new WeakMap<Expr, readonly DataType[]>()

/** The type of an expression whose every part has been checked over these columns. */
function check(expr: Expr, input: readonly DataType[]): DataType {
  if (checked.get(expr) === input) return typeOf(expr, input)
  const types = children(expr).map((child) => check(child, input))
  const type = expr.op === 'negate' ? types[0]! : typeOf(expr, input)
  switch (expr.op) {
    case 'binary':
      must(
        fits(expr.operator, types[0]!, types[1]!, type),
        `${expr.operator} of ${typeName(types[0]!)} and ${typeName(types[1]!)}`,
      )
      break
    case 'case':
      expr.branches.forEach((_, i) => {
        must(types[2 * i]!.type === 'boolean', 'a CASE condition that is not boolean')
        must(sameType(types[2 * i + 1]!, type), 'a CASE result of another type')
      })
      must(expr.otherwise === null || sameType(types.at(-1)!, type), 'an ELSE of another type')
      break
    case 'in_list':
      must(
        types.every((other) => sameType(other, types[0]!)),
        'an IN list of several types',
      )
      break
    case 'not':
      must(types[0]!.type === 'boolean', 'NOT of no boolean')
      break
    default:
      break
  }
  checked.set(expr, input)
  return type
}

function fits(operator: BinaryOp, left: DataType, right: DataType, result: DataType): boolean {
  const numerics = left.type === 'numeric' && right.type === 'numeric'
  switch (operator) {
    case 'and':
    case 'or':
      return left.type === 'boolean' && right.type === 'boolean'
    case 'concat':
      return sameType(left, right) && (left.type === 'text' || left.type === 'bytea')
    case 'add':
    case 'subtract':
    case 'multiply':
    case 'divide':
    case 'modulo': {
      if (numerics) return result.type === 'numeric'
      if (isNumber(left) && sameType(left, right)) return sameType(left, result)
      const time = timeArithmetic(operator, left, right)
      return time !== undefined && sameType(time[2], result) && sameType(time[0], left) && sameType(time[1], right)
    }
    case 'regex_match':
    case 'regex_i_match':
    case 'regex_not_match':
    case 'regex_not_i_match':
      return left.type === 'text' && right.type === 'text'
    default:
      return (numerics || sameType(left, right)) && result.type === 'boolean'
  }
}
