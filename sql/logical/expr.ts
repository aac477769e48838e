/** Scalar expressions: factories, and the few walks that everything else is made of. A walk returns the same object where
 *  nothing changed, so that "did it change?" is one comparison. */
import type { BinaryOp, DataType, Expr, Literal, SortKey } from '../contract/plan.generated.js'
import { BOOLEAN, sameType, shortTypeName } from '../types/data-type.js'
import { FALSE, literalKey, literalType, TRUE } from '../types/literal.js'

export type { BinaryOp, Expr } from '../contract/plan.generated.js'

export function column(index: number): Expr {
  return { op: 'column', index }
}

export function constant(literal: Literal): Expr {
  return { op: 'literal', literal }
}

export const TRUE_EXPR: Expr = constant(TRUE)
export const FALSE_EXPR: Expr = constant(FALSE)

export function integer(value: number): Expr {
  return constant({ type: 'integer', value })
}

export function bigint(value: bigint): Expr {
  return constant({ type: 'bigint', value })
}

export function text(value: string): Expr {
  return constant({ type: 'text', value })
}

export function binary(operator: BinaryOp, left: Expr, right: Expr, data_type: DataType): Expr {
  return { op: 'binary', operator, left, right, data_type }
}

export function compare(operator: BinaryOp, left: Expr, right: Expr): Expr {
  return binary(operator, left, right, BOOLEAN)
}

export function equal(left: Expr, right: Expr): Expr {
  return compare('equal', left, right)
}

export function not(input: Expr): Expr {
  return { op: 'not', input }
}

export function isNull(input: Expr, negated = false): Expr {
  return { op: 'is_null', input, negated }
}

export function cast(input: Expr, from: DataType, to: DataType): Expr {
  return sameType(from, to) ? input : { op: 'cast', input, to }
}

/** The conjunction of all; TRUE of none. */
export function and(conjuncts: readonly Expr[]): Expr {
  return conjuncts.length === 0 ? TRUE_EXPR : conjuncts.reduce((left, right) => compare('and', left, right))
}

/** `a AND (b AND c)` as [a, b, c]. */
export function conjuncts(expr: Expr): Expr[] {
  if (expr.op === 'binary' && expr.operator === 'and') return [...conjuncts(expr.left), ...conjuncts(expr.right)]
  return isTrue(expr) ? [] : [expr]
}

export function isTrue(expr: Expr): boolean {
  return expr.op === 'literal' && expr.literal.type === 'boolean' && expr.literal.value
}

export function isFalse(expr: Expr): boolean {
  return expr.op === 'literal' && expr.literal.type === 'boolean' && !expr.literal.value
}

export function children(expr: Expr): readonly Expr[] {
  switch (expr.op) {
    case 'column':
    case 'literal':
    case 'parameter':
      return []
    case 'binary':
      return [expr.left, expr.right]
    case 'not':
    case 'negate':
    case 'is_null':
    case 'cast':
      return [expr.input]
    case 'case':
      return [
        ...expr.branches.flatMap((branch) => [branch.when, branch.then]),
        ...(expr.otherwise === null ? [] : [expr.otherwise]),
      ]
    case 'in_list':
      return [expr.input, ...expr.list]
    case 'like':
      return [expr.input, expr.pattern]
    case 'call':
    case 'predict':
      return expr.args
    default:
      return expr satisfies never
  }
}

/** The expression with each direct child replaced. */
export function mapChildren(expr: Expr, f: (child: Expr) => Expr): Expr {
  const before = children(expr)
  const after = before.map(f)
  if (after.every((child, i) => child === before[i])) return expr
  const at = (i: number): Expr => after[i]!
  switch (expr.op) {
    case 'column':
    case 'literal':
    case 'parameter':
      return expr
    case 'binary':
      return { ...expr, left: at(0), right: at(1) }
    case 'not':
    case 'negate':
    case 'is_null':
    case 'cast':
      return { ...expr, input: at(0) }
    case 'case':
      return {
        ...expr,
        // biome-ignore lint/suspicious/noThenProperty: the contract's CASE branch has a THEN
        branches: expr.branches.map((_, i) => ({ when: at(2 * i), then: at(2 * i + 1) })),
        otherwise: expr.otherwise === null ? null : at(2 * expr.branches.length),
      }
    case 'in_list':
      return { ...expr, input: at(0), list: after.slice(1) }
    case 'like':
      return { ...expr, input: at(0), pattern: at(1) }
    case 'call':
    case 'predict':
      return { ...expr, args: after }
    default:
      return expr satisfies never
  }
}

/** Bottom-up. */
export function rewrite(expr: Expr, f: (expr: Expr) => Expr): Expr {
  return f(mapChildren(expr, (child) => rewrite(child, f)))
}

export function some(expr: Expr, test: (expr: Expr) => boolean): boolean {
  return test(expr) || children(expr).some((child) => some(child, test))
}

export function usedColumns(expr: Expr, into: Set<number> = new Set()): Set<number> {
  if (expr.op === 'column') into.add(expr.index)
  for (const child of children(expr)) usedColumns(child, into)
  return into
}

/** Columns replaced by what `f` says of their index. */
export function substitute(expr: Expr, f: (index: number) => Expr): Expr {
  if (expr.op !== 'column') return mapChildren(expr, (child) => substitute(child, f))
  const found = f(expr.index)
  return found.op === 'column' && found.index === expr.index ? expr : found
}

export function remap(expr: Expr, f: (index: number) => number): Expr {
  return substitute(expr, (index) => column(f(index)))
}

export function shift(expr: Expr, by: number): Expr {
  return by === 0 ? expr : remap(expr, (index) => index + by)
}

/** Too costly, or too likely to differ, to be evaluated twice where once was written. */
export function isCheap(expr: Expr): boolean {
  if (expr.op === 'cast') return isCheap(expr.input)
  return expr.op === 'column' || expr.op === 'literal' || expr.op === 'parameter'
}

const keys = new WeakMap<Expr, string>()

/** A text that two expressions share exactly when they are the same expression. */
export function exprKey(expr: Expr): string {
  let key = keys.get(expr)
  if (key === undefined) {
    key = makeKey(expr)
    keys.set(expr, key)
  }
  return key
}

function makeKey(expr: Expr): string {
  const inner = children(expr).map(exprKey).join(',')
  switch (expr.op) {
    case 'column':
      return `#${expr.index}`
    case 'literal':
      return `${expr.literal.type}:${JSON.stringify(literalKey(expr.literal))}`
    case 'binary':
      return `${expr.operator}(${inner})`
    case 'not':
    case 'negate':
      return `${expr.op}(${inner})`
    case 'is_null':
      return `is_null:${expr.negated}(${inner})`
    case 'cast':
      return `cast:${typeKey(expr.to)}(${inner})`
    case 'case':
      return `case:${expr.branches.length}(${inner})`
    case 'in_list':
      return `in:${expr.negated}(${inner})`
    case 'like':
      return `like:${expr.negated}:${expr.case_insensitive}(${inner})`
    case 'call':
      return `call:${expr.function}(${inner})`
    case 'predict':
      return `predict:${expr.model}(${inner})`
    case 'parameter':
      return `$${expr.index}:${typeKey(expr.data_type)}`
    default:
      return expr satisfies never
  }
}

function typeKey(type: DataType): string {
  return type.type === 'numeric' ? `numeric.${type.precision}.${type.scale}` : shortTypeName(type)
}

export function sameExpr(a: Expr, b: Expr): boolean {
  return a === b || exprKey(a) === exprKey(b)
}

export function sortKeyOf(key: SortKey): string {
  return `${exprKey(key.expr)}:${key.descending}:${key.nulls_first}`
}

/** The type of an expression over columns of these types. Children are trusted; `validate` checks them. */
export function typeOf(expr: Expr, input: readonly DataType[]): DataType {
  switch (expr.op) {
    case 'column': {
      const type = input[expr.index]
      if (type === undefined) throw new Error(`column ${expr.index} of ${input.length}`)
      return type
    }
    case 'literal':
      return literalType(expr.literal)
    case 'binary':
    case 'case':
    case 'call':
    case 'parameter':
      return expr.data_type
    case 'cast':
      return expr.to
    case 'negate':
      return typeOf(expr.input, input)
    case 'not':
    case 'is_null':
    case 'in_list':
    case 'like':
      return BOOLEAN
    case 'predict':
      return { type: 'double' }
    default:
      return expr satisfies never
  }
}
