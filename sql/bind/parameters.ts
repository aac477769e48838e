/** The parameters of a statement that is planned before its values are known. Each takes the type of what it meets first, as in
 *  PostgreSQL; the plan has a node in its place, which `fillIn` exchanges for the value of each run. */
import type { DataType, Expr, Literal } from '../contract/plan.generated.js'
import { cast, constant } from '../logical/expr.js'
import { castLiteral } from '../logical/fold.js'
import type { Span } from '../syntax/tree.js'
import { isNested, NUMERIC_PRECISION_MAX, numeric, sameType, TEXT, typeName } from '../types/data-type.js'
import { literalType, nullOf } from '../types/literal.js'
import { parseValue } from '../types/parse-value.js'
import { fail } from './fail.js'

/** Values that are known while the statement is planned, or types that are not. */
export type Parameters = readonly Literal[] | ParameterTypes

/** Digits after the point of a NUMERIC that is not known yet. */
const NUMERIC_SCALE = 16

/** Whoever made a node, and may still be told its type. */
const owners = new WeakMap<Expr, ParameterTypes>()

export class ParameterTypes {
  readonly #types: (DataType | undefined)[]
  /** Which of them the statement has. */
  readonly #seen = new Set<number>()
  #needed = false

  /** `declared` are the types that the client gave, where it did. */
  constructor(declared: readonly (DataType | undefined)[]) {
    this.#types = [...declared]
  }

  /** Whether a clause had to know a value, so that the plan holds for one set of values only. */
  get needed(): boolean {
    return this.#needed
  }

  /** Whether the statement has one, as far as it was bound. */
  get any(): boolean {
    return this.#seen.size > 0
  }

  need(): void {
    this.#needed = true
  }

  /** The node of `$index`; it is `unknown` until something has given it a type. */
  node(index: number): { readonly expr: Expr; readonly type: DataType; readonly unknown: boolean } {
    this.#seen.add(index)
    const known = this.#types[index - 1]
    const expr: Expr = { op: 'parameter', index, data_type: known ?? TEXT }
    owners.set(expr, this)
    return { expr, type: known ?? TEXT, unknown: known === undefined }
  }

  decide(index: number, type: DataType, at: Span): void {
    const known = this.#types[index - 1]
    if (known === undefined) {
      this.#types[index - 1] = type
      return
    }
    if (sameType(known, type) || (known.type === 'numeric' && type.type === 'numeric')) return
    fail('AmbiguousParameter', `inconsistent types deduced for parameter $${index}`, at, {
      detail: `${typeName(known)} versus ${typeName(type)}`,
    })
  }

  /** The types of all: those that nothing has decided are text, if the statement has them. */
  decided(): DataType[] {
    const count = Math.max(this.#types.length, ...this.#seen)
    return Array.from({ length: count }, (_, at) => {
      const type = this.#types[at]
      if (type !== undefined) return type
      if (this.#seen.has(at + 1)) return TEXT
      return fail('IndeterminateDatatype', `could not determine data type of parameter $${at + 1}`, undefined)
    })
  }
}

/** Whether the statement can be told to have parameters. */
export function hasParameters(parameters: Parameters | undefined): boolean {
  if (parameters === undefined) return false
  return parameters instanceof ParameterTypes ? parameters.any : parameters.length > 0
}

export function isParameter(expr: Expr): expr is Expr & { op: 'parameter' } {
  return expr.op === 'parameter'
}

/** The parameter in the type that its context wants. */
export function decideParameter(expr: Expr & { op: 'parameter' }, to: DataType, at: Span): Expr {
  const owner = owners.get(expr)
  if (owner === undefined) throw new Error('a parameter that nobody has made')
  const type = roomy(to)
  owner.decide(expr.index, type, at)
  const typed: Expr = { op: 'parameter', index: expr.index, data_type: type }
  owners.set(typed, owner)
  return cast(typed, type, to)
}

/** PostgreSQL's parameters are NUMERIC without a scale: `amount > $1` must not round $1 to the scale of the column. */
export function roomy(type: DataType): DataType {
  if (type.type !== 'numeric') return type
  const room = NUMERIC_PRECISION_MAX - (type.precision - type.scale)
  return numeric(NUMERIC_PRECISION_MAX, Math.max(type.scale, Math.min(NUMERIC_SCALE, room)))
}

/** A value in place of a parameter where a clause has to know one: the plan is only good for telling types. */
export function standIn(expr: Expr & { op: 'parameter' }): Expr {
  owners.get(expr)?.need()
  const type = expr.data_type
  switch (type.type) {
    case 'smallint':
    case 'integer':
      return constant({ type: type.type, value: 1 })
    case 'bigint':
      return constant({ type: 'bigint', value: 1n })
    case 'interval':
      return constant({ type: 'interval', months: 0, days: 1, microseconds: 0n })
    case 'text':
      return constant({ type: 'text', value: '' })
    default:
      return constant(nullOf(type))
  }
}

/** The plan with a value in the place of each parameter; what has none is shared. Texts are read as the type that the place has. */
export function fillIn<T>(plan: T, values: readonly Expr[]): T {
  return filled(plan, values) as T
}

const without = new WeakSet<object>()

function filled(node: unknown, values: readonly Expr[]): unknown {
  if (typeof node !== 'object' || node === null || without.has(node) || ArrayBuffer.isView(node)) return node
  if (Array.isArray(node)) {
    const list = node.map((item) => filled(item, values))
    if (list.some((item, at) => item !== node[at])) return list
  } else {
    const fields = node as Record<string, unknown>
    if (fields.op === 'parameter') return placed(node as Expr & { op: 'parameter' }, values)
    let copy: Record<string, unknown> | undefined
    for (const key of Object.keys(fields)) {
      const before = fields[key]
      const after = filled(before, values)
      if (after === before) continue
      copy ??= { ...fields }
      copy[key] = after
    }
    if (copy !== undefined) return copy
  }
  without.add(node)
  return node
}

function placed({ index, data_type }: Expr & { op: 'parameter' }, values: readonly Expr[]): Expr {
  const value = values[index - 1]
  if (value === undefined) throw new Error(`parameter $${index} has no value`)
  return valueAs(value, data_type, index)
}

/** A value as the type of a parameter. */
export function valueAs(value: Expr, type: DataType, index: number): Expr {
  if (value.op !== 'literal') return { op: 'cast', input: value, to: type }
  const { literal } = value
  if (literal.type === 'null') return constant(nullOf(type))
  const own = literalType(literal)
  if (sameType(own, type)) return value
  if (literal.type === 'text' && !isNested(type)) {
    const parsed = parseValue(literal.value, type)
    if ('literal' in parsed) return constant(parsed.literal)
    fail(parsed.code, parsed.message, undefined, { detail: `It is the value of parameter $${index}.` })
  }
  const folded = castLiteral(literal, type)
  return folded === undefined ? { op: 'cast', input: value, to: type } : constant(folded)
}
