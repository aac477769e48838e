/** Functions that are others in the binder: those of JSON, which is JSONB here, counts of NULLs, and those that take a value of any type
 *  as text. */
import type { Expr } from '../contract/plan.generated.js'
import { binary, cast, isNull } from '../logical/expr.js'
import type { Span } from '../syntax/tree.js'
import { arrayOf, BOOLEAN, INTEGER, TEXT } from '../types/data-type.js'
import { bindCall, isScalarFunction, noSuchFunction } from './calls.js'
import { type Bound, bound, castTo, coerce, known } from './coerce.js'

/** Undefined for a name that is a function of its own, or none. */
export function bindDerived(name: string, args: readonly Bound[], span: Span): Bound | undefined {
  switch (name) {
    case 'num_nulls':
    case 'num_nonnulls':
      return args.length === 0 ? noSuchFunction(name, args, span) : count(args, name === 'num_nulls', span)
    case 'quote_literal':
    case 'quote_nullable':
      return bindCall(name, args.map(asText), span)
    case 'format': {
      const [template, ...rest] = args
      return bindCall(name, template === undefined ? [] : [template, ...rest.map(asText)], span)
    }
    case 'array_fill':
      return fill(args, span)
    case 'row_to_json':
    case 'array_to_json':
    case 'to_json':
      return bindCall('to_jsonb', args, span)
    default: {
      const binaryName = name.replace(/^json_/, 'jsonb_')
      if (binaryName === name || isScalarFunction(name) || !isScalarFunction(binaryName)) return undefined
      return bindCall(binaryName, args, span)
    }
  }
}

function asText(arg: Bound): Bound {
  if (arg.unknown || arg.type.type === 'text') return arg
  return bound(castTo(arg.expr, arg.type, TEXT), TEXT, arg.span)
}

function count(args: readonly Bound[], nulls: boolean, span: Span): Bound {
  const ones = args.map((arg) => cast(isNull(known(arg).expr, !nulls), BOOLEAN, INTEGER))
  return bound(
    ones.reduce((sum, one) => binary('add', sum, one, INTEGER)),
    INTEGER,
    span,
  )
}

/** `array_fill(value, ARRAY[2, 3])`: an array of two arrays of three. The lengths are written out. */
function fill(args: readonly Bound[], span: Span): Bound {
  const [value, lengths] = args
  const listed =
    lengths?.expr.op === 'call' && lengths.expr.function === 'array_construct' ? lengths.expr.args : undefined
  if (args.length !== 2 || value!.unknown || listed === undefined || listed.length === 0)
    return noSuchFunction('array_fill', args, span)
  let filled: Expr = value!.expr
  let type = value!.type
  for (const length of listed.toReversed()) {
    type = arrayOf(type)
    const many = coerce(bound(length, INTEGER, span), INTEGER)
    filled = { op: 'call', function: 'array_fill_of', args: [filled, many], data_type: type }
  }
  return bound(filled, type, span)
}
