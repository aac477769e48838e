/** PostgreSQL's numbers and names of our types. */
import type { DataType } from '../contract/plan.generated.js'
import { typeName } from '../types/data-type.js'

type Scalar = Exclude<DataType['type'], 'array' | 'row' | 'map'>

/** The type's number and that of its arrays. */
const OIDS: Readonly<Record<Scalar, readonly [oid: number, array: number]>> = {
  boolean: [16, 1000],
  bytea: [17, 1001],
  bigint: [20, 1016],
  smallint: [21, 1005],
  integer: [23, 1007],
  text: [25, 1009],
  real: [700, 1021],
  double: [701, 1022],
  date: [1082, 1182],
  time: [1083, 1183],
  timestamp: [1114, 1115],
  timestamptz: [1184, 1185],
  interval: [1186, 1187],
  numeric: [1700, 1231],
  uuid: [2950, 2951],
  jsonb: [3802, 3807],
}
const TEXT = OIDS.text
const RECORD = [2249, 2287] as const
const MODIFIER_OFFSET = 4

/** Of an array of arrays it is that of the innermost elements' array. PostgreSQL has no maps: they are sent as text. */
export function oidOfType(type: DataType): number {
  switch (type.type) {
    case 'array': {
      let { element } = type
      while (element.type === 'array') element = element.element
      return pair(element)[1]
    }
    default:
      return pair(type)[0]
  }
}

function pair(type: DataType): readonly [number, number] {
  switch (type.type) {
    case 'row':
      return RECORD
    case 'map':
    case 'array':
      return TEXT
    default:
      return OIDS[type.type]
  }
}

/** `atttypmod`: precision and scale of a NUMERIC; -1 for none. */
export function modifierOfType(type: DataType): number {
  if (type.type === 'array') return modifierOfType(type.element)
  return type.type === 'numeric' ? ((type.precision << 16) | type.scale) + MODIFIER_OFFSET : -1
}

/** As information_schema calls it. */
export function standardName(type: DataType): string {
  if (type.type === 'array') return 'ARRAY'
  return type.type === 'numeric' ? 'numeric' : typeName(type)
}
