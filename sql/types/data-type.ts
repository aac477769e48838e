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

export function numeric(precision: number, scale: number): DataType {
  return { type: 'numeric', precision, scale }
}

/** NUMERIC with room for `integers` digits before the point and `scale` after it, within what Decimal128 holds. */
export function numericWith(integers: number, scale: number): DataType {
  const kept = Math.min(scale, NUMERIC_PRECISION_MAX)
  return numeric(Math.max(1, Math.min(NUMERIC_PRECISION_MAX, integers + kept)), kept)
}

export function sameType(a: DataType, b: DataType): boolean {
  if (a.type !== b.type) return false
  return a.type !== 'numeric' || b.type !== 'numeric' || (a.precision === b.precision && a.scale === b.scale)
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
  if (type.type === 'numeric') return `numeric(${type.precision},${type.scale})`
  return LONG_NAMES[type.type] ?? type.type
}

/** PostgreSQL's name without modifiers: errors about operators and functions say `numeric`. */
export function familyName(type: DataType): string {
  return type.type === 'numeric' ? 'numeric' : typeName(type)
}

/** The short name that plans are printed with. */
export function shortTypeName(type: DataType): string {
  return type.type === 'numeric' ? typeName(type) : type.type
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
