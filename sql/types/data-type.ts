/** The SQL types as values: one object a type, PostgreSQL's names, and the questions that the binder asks of a type. */
import type { DataType } from '../contract/plan.generated.js'

export type { DataType } from '../contract/plan.generated.js'

/** Digits that a NUMERIC can hold (Decimal128). */
export const NUMERIC_PRECISION_MAX = 38

export const BOOLEAN: DataType = { type: 'boolean' }
export const SMALLINT: DataType = { type: 'smallint' }
export const INTEGER: DataType = { type: 'integer' }
export const BIGINT: DataType = { type: 'bigint' }
export const REAL: DataType = { type: 'real' }
export const DOUBLE: DataType = { type: 'double' }
export const TEXT: DataType = { type: 'text' }
export const BYTEA: DataType = { type: 'bytea' }
export const DATE: DataType = { type: 'date' }
export const TIME: DataType = { type: 'time' }
export const TIMESTAMP: DataType = { type: 'timestamp' }
export const TIMESTAMPTZ: DataType = { type: 'timestamptz' }
export const INTERVAL: DataType = { type: 'interval' }
export const UUID: DataType = { type: 'uuid' }
export const JSONB: DataType = { type: 'jsonb' }

/** Types within types at most; as `TYPE_DEPTH_MAX` of native/crates/plan. */
export const TYPE_DEPTH_MAX = 12

export function arrayOf(element: DataType): DataType & { type: 'array' } {
  return { type: 'array', element }
}

/** Levels of types: of a scalar one 0. */
export function depthOf(type: DataType): number {
  switch (type.type) {
    case 'array':
      return 1 + depthOf(type.element)
    case 'row':
      return 1 + Math.max(...type.fields.map((field) => depthOf(field.data_type)))
    case 'map':
      return 1 + Math.max(depthOf(type.key), depthOf(type.value))
    default:
      return 0
  }
}

/** Whether values hold values of other types. */
export function isNested(type: DataType): boolean {
  return type.type === 'array' || type.type === 'row' || type.type === 'map'
}

export function numeric(precision: number, scale: number): DataType {
  return { type: 'numeric', precision, scale }
}

/** NUMERIC without (p, s): 21 digits before the point and 17 after it. No other type is made so by what people write, and its
 *  values print without the zeros after their last digit. `is_plain_numeric` of `native/crates/plan` is the same. */
export const PLAIN_NUMERIC = { type: 'numeric', precision: 38, scale: 17 } as const

export function isPlainNumeric(type: { readonly precision: number; readonly scale: number }): boolean {
  return type.precision === PLAIN_NUMERIC.precision && type.scale === PLAIN_NUMERIC.scale
}

/** NUMERIC with room for `integers` digits before the point and `scale` after it, within what Decimal128 holds. */
export function numericWith(integers: number, scale: number): DataType {
  const kept = Math.min(scale, NUMERIC_PRECISION_MAX)
  return numeric(Math.max(1, Math.min(NUMERIC_PRECISION_MAX, integers + kept)), kept)
}

export function sameType(a: DataType, b: DataType): boolean {
  if (a === b) return true
  if (a.type !== b.type) return false
  if (a.type === 'numeric' && b.type === 'numeric') return a.precision === b.precision && a.scale === b.scale
  if (a.type === 'array' && b.type === 'array') return sameType(a.element, b.element)
  if (a.type === 'map' && b.type === 'map') return sameType(a.key, b.key) && sameType(a.value, b.value)
  if (a.type !== 'row' || b.type !== 'row') return true
  const others = b.fields
  return (
    a.fields.length === others.length &&
    a.fields.every(({ name, data_type }, i) => name === others[i]!.name && sameType(data_type, others[i]!.data_type))
  )
}

export function sameTypes(a: readonly DataType[], b: readonly DataType[]): boolean {
  return a.length === b.length && a.every((type, i) => sameType(type, b[i]!))
}

export function isInteger(type: DataType): boolean {
  return type.type === 'smallint' || type.type === 'integer' || type.type === 'bigint'
}

export function isFloat(type: DataType): boolean {
  return type.type === 'real' || type.type === 'double'
}

export function isNumber(type: DataType): boolean {
  return isInteger(type) || isFloat(type) || type.type === 'numeric'
}

/** A point in time or in a day. */
export function isTime(type: DataType): boolean {
  return type.type === 'date' || type.type === 'time' || type.type === 'timestamp' || type.type === 'timestamptz'
}

const LONG_NAMES: Partial<Record<DataType['type'], string>> = {
  double: 'double precision',
  timestamp: 'timestamp without time zone',
  timestamptz: 'timestamp with time zone',
  time: 'time without time zone',
}

/** PostgreSQL's name of a type, as in `pg_typeof` and error messages. */
export function typeName(type: DataType): string {
  switch (type.type) {
    case 'numeric':
      return `numeric(${type.precision},${type.scale})`
    case 'array':
      return `${typeName(type.element)}[]`
    case 'row':
      return `row(${type.fields.map((field) => `${field.name} ${typeName(field.data_type)}`).join(', ')})`
    case 'map':
      return `map(${typeName(type.key)}, ${typeName(type.value)})`
    default:
      return LONG_NAMES[type.type] ?? type.type
  }
}

/** PostgreSQL's name without modifiers: errors about operators and functions say `numeric`. */
export function familyName(type: DataType): string {
  if (type.type === 'array') return `${familyName(type.element)}[]`
  if (type.type === 'row') return 'record'
  return type.type === 'numeric' ? 'numeric' : typeName(type)
}

/** The short name that plans are printed with. */
export function shortTypeName(type: DataType): string {
  return type.type === 'numeric' || isNested(type) ? typeName(type) : type.type
}

/** The NUMERIC that holds every value of an integer type. */
export function numericOfInteger(type: DataType): DataType {
  switch (type.type) {
    case 'smallint':
      return numeric(5, 0)
    case 'integer':
      return numeric(10, 0)
    default:
      return numeric(19, 0)
  }
}
