/** Arrays, rows and maps in expressions: how they are made, taken apart and compared with ANY and ALL. Each becomes a call of the
 *  function that does it. */
import type { Expr, RowField } from '../contract/plan.generated.js'
import { integer } from '../logical/expr.js'
import type * as tree from '../syntax/tree.js'
import { canCast } from '../types/coercion.js'
import {
  arrayOf,
  BOOLEAN,
  type DataType,
  depthOf,
  familyName,
  INTEGER,
  TEXT,
  TYPE_DEPTH_MAX,
} from '../types/data-type.js'
import { bindCall } from './calls.js'
import { type Bound, bound, coerce, known, unify, unknownText } from './coerce.js'
import { fail } from './fail.js'

const FIELDS_MAX = 1600
/** PostgreSQL's upper bound of what a slice leaves open. */
const INT_MAX = 2_147_483_647

function call(name: string, args: Expr[], type: DataType, span: tree.Span): Bound {
  if (depthOf(type) > TYPE_DEPTH_MAX) fail('StatementTooComplex', `types can be nested ${TYPE_DEPTH_MAX} times`, span)
  return bound({ op: 'call', function: name, args, data_type: type }, type, span)
}

/** `ARRAY[…]`, whose elements have one type by the rules of UNION. */
export function bindArray(items: readonly Bound[], span: tree.Span): Bound {
  if (items.length === 0) {
    fail('IndeterminateDatatype', 'cannot determine type of empty array', span, {
      hint: 'Explicitly cast to the desired type, for example ARRAY[]::integer[].',
    })
  }
  const { type, exprs } = unify(items, 'ARRAY')
  return call('array_construct', exprs, arrayOf(type), span)
}

/** `ARRAY[…]::type[]`: each element is cast by itself, so that an empty one has a type. */
export function bindTypedArray(items: readonly Bound[], type: DataType & { type: 'array' }, span: tree.Span): Bound {
  if (items.length === 0) {
    const empty = unknownText('{}', span)
    return bound(coerce(empty, type), type, span)
  }
  const exprs = items.map((item) => coerce(item, type.element, 'explicit'))
  return call('array_construct', exprs, type, span)
}

/** `ROW(a, b)` has the fields f1, f2. */
export function bindRow(items: readonly Bound[], span: tree.Span): Bound {
  if (items.length === 0) fail('FeatureNotSupported', 'a row without fields is not supported', span)
  if (items.length > FIELDS_MAX) fail('StatementTooComplex', `a row can have at most ${FIELDS_MAX} fields`, span)
  const values = items.map(known)
  const fields: RowField[] = values.map((value, at) => ({ name: `f${at + 1}`, data_type: value.type }))
  return call(
    'row_construct',
    values.map((value) => value.expr),
    { type: 'row', fields },
    span,
  )
}

/** `map(keys, values)` of two arrays. */
export function bindMap(args: readonly Bound[], span: tree.Span): Bound {
  const [keys, values] = args.map(known)
  if (args.length !== 2 || keys?.type.type !== 'array' || values?.type.type !== 'array') {
    fail(
      'UndefinedFunction',
      `function map(${args.map((arg) => familyName(arg.type)).join(', ')}) does not exist`,
      span,
      {
        hint: 'MAP takes an array of keys and an array of values.',
      },
    )
  }
  return call(
    'map_construct',
    [keys.expr, values.expr],
    { type: 'map', key: keys.type.element, value: values.type.element },
    span,
  )
}

/** An element of an array, the value of a map's key, or a member of JSONB. */
export function bindSubscript(operand: Bound, index: Bound, span: tree.Span): Bound {
  const { type } = operand
  if (type.type === 'map') return call('map_value', [operand.expr, coerce(index, type.key)], type.value, span)
  if (type.type === 'jsonb')
    return bindCall(
      canCast(index.type, INTEGER, 'implicit') && !index.unknown ? 'jsonb_array_element' : 'jsonb_object_field',
      [operand, index],
      span,
    )
  if (type.type !== 'array' || operand.unknown) notSubscriptable(operand, span)
  return call('array_subscript', [operand.expr, coerce(index, INTEGER, 'assignment')], type.element, span)
}

export function bindSlice(operand: Bound, lower: Bound | undefined, upper: Bound | undefined, span: tree.Span): Bound {
  if (operand.type.type !== 'array' || operand.unknown) notSubscriptable(operand, span)
  const from = lower === undefined ? integer(1) : coerce(lower, INTEGER, 'assignment')
  const to = upper === undefined ? integer(INT_MAX) : coerce(upper, INTEGER, 'assignment')
  return call('array_slice', [operand.expr, from, to], operand.type, span)
}

function notSubscriptable(operand: Bound, span: tree.Span): never {
  const name = operand.unknown ? 'unknown' : familyName(operand.type)
  return fail('DatatypeMismatch', `cannot subscript type ${name} because it does not support subscripting`, span)
}

export function bindField(operand: Bound, name: tree.Ident, span: tree.Span): Bound {
  const { type } = operand
  if (type.type !== 'row' || operand.unknown) {
    const shown = operand.unknown ? 'unknown' : familyName(type)
    fail(
      'WrongObjectType',
      `column notation .${name.name} applied to type ${shown}, which is not a composite type`,
      span,
    )
  }
  const at = type.fields.findIndex((field) => field.name === name.name)
  if (at === -1) fail('UndefinedColumn', `column "${name.name}" not found in data type record`, name.span)
  return call('row_field', [operand.expr, integer(at)], type.fields[at]!.data_type, span)
}

const QUANTIFIED: Partial<Record<tree.BinaryOperator, string>> = {
  '=': 'equal',
  '<>': 'not_equal',
  '<': 'less',
  '<=': 'less_equal',
  '>': 'greater',
  '>=': 'greater_equal',
}

export function bindQuantifiedArray(expr: tree.QuantifiedArray, operand: Bound, array: Bound): Bound {
  const name = QUANTIFIED[expr.operator]
  if (name === undefined) fail('FeatureNotSupported', `${expr.operator} with ANY or ALL is not supported`, expr.span)
  // A string of unknown type is an array of what it is compared with.
  const wanted = arrayOf(operand.unknown ? TEXT : operand.type)
  const given = array.unknown ? bound(coerce(array, wanted), wanted, array.span) : array
  if (given.type.type !== 'array')
    fail('WrongObjectType', 'op ANY/ALL (array) requires array on right side', array.span)
  const value = bindCall(`${expr.quantifier}_${name}`, [operand, given], expr.span)
  return { ...value, type: BOOLEAN }
}
