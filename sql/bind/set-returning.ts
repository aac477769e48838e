/** Functions that give a set of rows. Each is an array, which UNNEST makes rows of: beside the row at hand in a select list, as a table
 *  in FROM. */
import type { Expr } from '../contract/plan.generated.js'
import { constant, integer } from '../logical/expr.js'
import type { Span } from '../syntax/tree.js'
import {
  arrayOf,
  BIGINT,
  type DataType,
  INTEGER,
  INTERVAL,
  JSONB,
  numeric,
  numericOfInteger,
  TEXT,
  TIMESTAMP,
  TIMESTAMPTZ,
} from '../types/data-type.js'
import { bindCall, noSuchFunction } from './calls.js'
import { type Bound, bound, castTo, coerce } from './coerce.js'

/** The array of what the function returns. */
type Make = (args: readonly Bound[], span: Span, name: string) => Bound

const MEMBER = (value: DataType): DataType => ({
  type: 'row',
  fields: [
    { name: 'key', data_type: TEXT },
    { name: 'value', data_type: value },
  ],
})

const SETS = new Map<string, Make>([
  ['unnest', unnested],
  ['generate_series', series],
  ['generate_subscripts', subscripts],
  ['regexp_split_to_table', (args, span) => bindCall('regexp_split_to_array', args, span)],
  ['string_to_table', (args, span) => bindCall('string_to_array', args, span)],
  ['regexp_matches', patternMatches],
  ...ofJson('array_elements', 'jsonb_elements_of', JSONB),
  ...ofJson('array_elements_text', 'jsonb_element_texts_of', TEXT),
  ...ofJson('each', 'jsonb_members_of', MEMBER(JSONB)),
  ...ofJson('each_text', 'jsonb_member_texts_of', MEMBER(TEXT)),
  ...ofJson('object_keys', 'jsonb_keys_of', TEXT),
])

export const SET_FUNCTION_NAMES: readonly string[] = [...SETS.keys()]

export function isSetReturning(name: string): boolean {
  return SETS.has(name)
}

export function bindSet(name: string, args: readonly Bound[], span: Span): Bound {
  return SETS.get(name)!(args, span, name)
}

function call(name: string, args: Expr[], type: DataType, span: Span): Bound {
  return bound({ op: 'call', function: name, args, data_type: type }, type, span)
}

/** Under the names of JSON and JSONB, which are one type here. */
function ofJson(name: string, list: string, element: DataType): [string, Make][] {
  return ['json', 'jsonb'].map((prefix) => [
    `${prefix}_${name}`,
    (args, span, written) => {
      const [value] = args
      if (args.length !== 1 || (!value!.unknown && value!.type.type !== 'jsonb')) noSuchFunction(written, args, span)
      return call(list, [coerce(value!, JSONB)], arrayOf(element), span)
    },
  ])
}

/** An array of arrays gives the elements of all of them. */
function unnested(args: readonly Bound[], span: Span, name: string): Bound {
  const [array] = args
  if (args.length !== 1 || array!.unknown || array!.type.type !== 'array') noSuchFunction(name, args, span)
  let value = array!
  while (value.type.type === 'array' && value.type.element.type === 'array')
    value = call('array_flattened', [value.expr], value.type.element, span)
  return value
}

function patternMatches(args: readonly Bound[], span: Span, name: string): Bound {
  const texts = args.every((arg) => arg.unknown || arg.type.type === 'text')
  if (args.length < 2 || args.length > 3 || !texts) noSuchFunction(name, args, span)
  const exprs = args.map((arg) => coerce(arg, TEXT))
  return call('regexp_matches_of', exprs, arrayOf(arrayOf(TEXT)), span)
}

function subscripts(args: readonly Bound[], span: Span, name: string): Bound {
  if (args.length < 2 || args.length > 3) noSuchFunction(name, args, span)
  const length = bindCall('array_length', args.slice(0, 2), span).expr
  const one = integer(1)
  const upwards: Expr[] = [one, length, one]
  const reverse = args[2] === undefined ? undefined : coerce(args[2], { type: 'boolean' })
  if (reverse === undefined) return call('series_of', upwards, arrayOf(INTEGER), span)
  const pick = (when: Expr, otherwise: Expr): Expr => ({
    op: 'case',
    // biome-ignore lint/suspicious/noThenProperty: the contract's CASE branch has a THEN
    branches: [{ when: reverse, then: when }],
    otherwise,
    data_type: INTEGER,
  })
  return call('series_of', [pick(length, one), pick(one, length), pick(integer(-1), one)], arrayOf(INTEGER), span)
}

function series(args: readonly Bound[], span: Span, name: string): Bound {
  if (args.length < 2 || args.length > 3) noSuchFunction(name, args, span)
  const moment = args.slice(0, 2).map((arg) => (arg.unknown ? undefined : arg.type.type))
  if (moment.some((type) => type === 'timestamp' || type === 'timestamptz' || type === 'date')) {
    if (args.length !== 3) noSuchFunction(name, args, span)
    // Dates are taken as PostgreSQL takes them, to its preferred type.
    const type = moment.every((t) => t === 'timestamp' || t === undefined) ? TIMESTAMP : TIMESTAMPTZ
    const [start, stop, step] = [coerce(args[0]!, type), coerce(args[1]!, type), coerce(args[2]!, INTERVAL)]
    return call('series_of', [start, stop, step], arrayOf(type), span)
  }
  const numbers = ['smallint', 'integer', 'bigint', 'numeric']
  if (args.some((arg) => !arg.unknown && !numbers.includes(arg.type.type))) noSuchFunction(name, args, span)
  if (args.some((arg) => arg.type.type === 'numeric')) {
    const decimals = args.map((arg) => {
      const type = arg.unknown ? numeric(38, 0) : arg.type.type === 'numeric' ? arg.type : numericOfInteger(arg.type)
      return { expr: arg.unknown ? coerce(arg, type) : castTo(arg.expr, arg.type, type), type }
    })
    const scale = Math.max(...decimals.map(({ type }) => (type.type === 'numeric' ? type.scale : 0)))
    const exprs = decimals.map(({ expr }) => expr)
    if (exprs.length < 3) exprs.push(constant({ type: 'numeric', value: '1', precision: 1, scale: 0 }))
    return call('series_of', exprs, arrayOf(numeric(38, scale)), span)
  }
  const type = args.every((arg) => arg.unknown || arg.type.type !== 'bigint') ? INTEGER : BIGINT
  const exprs = args.map((arg) => coerce(arg, type))
  if (exprs.length < 3) exprs.push(castTo(integer(1), INTEGER, type))
  return call('series_of', exprs, arrayOf(type), span)
}
