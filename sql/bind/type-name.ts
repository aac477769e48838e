/** Written type names to types. */
import { suggest } from '../diag/suggest.js'
import type { TypeName } from '../syntax/tree.js'
import {
  arrayOf,
  BIGINT,
  BOOLEAN,
  BYTEA,
  DATE,
  type DataType,
  DOUBLE,
  depthOf,
  INTEGER,
  INTERVAL,
  JSONB,
  NUMERIC_PRECISION_MAX,
  numeric,
  REAL,
  SMALLINT,
  TEXT,
  TIME,
  TIMESTAMP,
  TIMESTAMPTZ,
  TYPE_DEPTH_MAX,
  UUID,
} from '../types/data-type.js'
import { fail, unsupported } from './fail.js'

const TYPES = new Map<string, DataType>([
  ['boolean', BOOLEAN],
  ['smallint', SMALLINT],
  ['integer', INTEGER],
  ['int', INTEGER],
  ['bigint', BIGINT],
  ['real', REAL],
  ['double precision', DOUBLE],
  ['double', DOUBLE],
  ['text', TEXT],
  ['varchar', TEXT],
  ['character varying', TEXT],
  // Without the blanks that fill it up, which PostgreSQL's comparisons, lengths and casts to text do not see either.
  ['char', TEXT],
  ['bpchar', TEXT],
  ['name', TEXT],
  ['string', TEXT],
  ['bytea', BYTEA],
  ['date', DATE],
  ['time', TIME],
  ['time without time zone', TIME],
  ['timestamp', TIMESTAMP],
  ['timestamp without time zone', TIMESTAMP],
  ['timestamptz', TIMESTAMPTZ],
  ['timestamp with time zone', TIMESTAMPTZ],
  ['interval', INTERVAL],
  ['uuid', UUID],
  ['jsonb', JSONB],
  // Values are kept as JSONB keeps them: what JSON alone keeps, blanks and the order of keys, is lost.
  ['json', JSONB],
])

const LATER = new Set(['timetz', 'time with time zone'])

/** As columns of a relation. */
const FIELDS_MAX = 1600

/** NUMERIC without (p, s): room for 22 digits before the point and for the 16 after it that PostgreSQL shows of a quotient. */
export const PLAIN_NUMERIC: DataType = numeric(NUMERIC_PRECISION_MAX, 16)

export function bindType(written: TypeName): DataType {
  let type = bindElement(written)
  for (let dimension = 0; dimension < written.dimensions; dimension++) type = arrayOf(type)
  if (depthOf(type) > TYPE_DEPTH_MAX)
    fail('StatementTooComplex', `types can be nested ${TYPE_DEPTH_MAX} times`, written.span)
  return type
}

function bindElement(written: TypeName): DataType {
  if (written.fields !== undefined) return bindRowType(written, written.fields)
  if (written.entries !== undefined) {
    const [key, value, ...more] = written.entries.map(bindType)
    if (key === undefined || value === undefined || more.length > 0)
      fail('SyntaxError', 'MAP takes the types of key and value', written.span)
    return { type: 'map', key, value }
  }
  const [first, second] = written.arguments
  if (written.name === 'numeric' || written.name === 'decimal') {
    return first === undefined ? PLAIN_NUMERIC : checkedNumeric(written, first, second ?? 0)
  }
  const type = TYPES.get(written.name)
  if (type !== undefined) {
    if (first !== undefined && type.type.startsWith('time') && first !== 6) {
      unsupported(
        `${written.name}(${first}) is not supported`,
        written.span,
        'Times have microseconds, which is a precision of 6.',
      )
    }
    return type
  }
  if (LATER.has(written.name)) unsupported(`type ${written.name} is not supported yet`, written.span)
  const near = suggest(written.name, [...TYPES.keys(), 'numeric'])
  return fail('UndefinedObject', `type "${written.name}" does not exist`, written.span, {
    hint: near === undefined ? undefined : `Perhaps you meant the type ${near}.`,
  })
}

function bindRowType(written: TypeName, fields: NonNullable<TypeName['fields']>): DataType {
  const names = new Set<string>()
  const bound = fields.map(({ name, type }) => {
    if (names.has(name.name)) fail('DuplicateColumn', `field "${name.name}" specified more than once`, name.span)
    names.add(name.name)
    return { name: name.name, data_type: bindType(type) }
  })
  if (bound.length > FIELDS_MAX)
    fail('InvalidTableDefinition', `a row can have at most ${FIELDS_MAX} fields`, written.span)
  return { type: 'row', fields: bound }
}

function checkedNumeric(written: TypeName, precision: number, scale: number): DataType {
  if (precision < 1 || precision > NUMERIC_PRECISION_MAX) {
    fail(
      'InvalidParameterValue',
      `NUMERIC precision ${precision} must be between 1 and ${NUMERIC_PRECISION_MAX}`,
      written.span,
    )
  }
  if (scale < 0 || scale > precision) {
    fail('InvalidParameterValue', `NUMERIC scale ${scale} must be between 0 and precision ${precision}`, written.span)
  }
  return numeric(precision, scale)
}

/** The n of varchar(n) and char(n), to which a cast must cut; CHAR alone is one character. */
export function lengthOf(written: TypeName): number | undefined {
  switch (written.name) {
    case 'varchar':
    case 'character varying':
    case 'bpchar':
      return written.arguments[0]
    case 'char':
      return written.arguments[0] ?? 1
    case 'name':
      return 63
    default:
      return undefined
  }
}

/** Whether the blanks at the end of a value are none of it. */
export function isPadded(written: TypeName): boolean {
  return written.name === 'char' || written.name === 'bpchar'
}
