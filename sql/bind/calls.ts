/** Scalar function calls, resolved among a name's overloads by PostgreSQL's rules: an exact match, else the fewest coercions, else
 *  preferred types; strings of unknown type fit anywhere and lean to text. */
import { FUNCTIONS } from '../contract/functions.generated.js'
import type { FunctionSignature, ParameterType } from '../contract/plan.generated.js'
import { suggest } from '../diag/suggest.js'
import type { Span } from '../syntax/tree.js'
import { canCast, commonType, isPreferred } from '../types/coercion.js'
import {
  arrayOf,
  type DataType,
  familyName,
  isInteger,
  numeric,
  numericOfInteger,
  PLAIN_NUMERIC,
  sameType,
  TEXT,
} from '../types/data-type.js'
import { type Bound, bound, coerce, unify } from './coerce.js'
import { fail } from './fail.js'

const byName = new Map<string, FunctionSignature[]>()
for (const signature of FUNCTIONS) {
  if (signature.result.returns === 'bound') continue
  const overloads = byName.get(signature.name)
  if (overloads === undefined) byName.set(signature.name, [signature])
  else overloads.push(signature)
}

export function isScalarFunction(name: string): boolean {
  return byName.has(name)
}

/** Binds a call. `others` are names outside the registry that a misspelling may have meant. */
export function bindCall(name: string, args: readonly Bound[], span: Span, others: readonly string[] = []): Bound {
  const overloads = byName.get(name)
  if (overloads === undefined) noSuchFunction(name, args, span, suggest(name, [...byName.keys(), ...others]))
  const fitting = overloads.flatMap((signature) => match(signature, args) ?? [])
  const best = choose(fitting)
  if (best === undefined) {
    if (fitting.length > 1) {
      fail('AmbiguousFunction', `function ${call(name, args)} is not unique`, span, {
        hint: 'Could not choose a best candidate function. You might need to add explicit type casts.',
      })
    }
    noSuchFunction(name, args, span, undefined)
  }
  return apply(best.signature, args, span)
}

interface Match {
  readonly signature: FunctionSignature
  readonly exact: number
  readonly preferred: number
  /** Strings of unknown type that would be text. */
  readonly asText: number
}

function match(signature: FunctionSignature, args: readonly Bound[]): Match[] | undefined {
  const { parameters, variadic } = signature
  if (args.length < parameters.length || (args.length > parameters.length && variadic === null)) return undefined
  let [exact, preferred, asText] = [0, 0, 0]
  for (const [i, arg] of args.entries()) {
    const parameter = parameters[i] ?? variadic!
    if (arg.unknown) {
      if (parameter.parameter === 'exact' && parameter.data_type.type === 'text') asText++
      if (parameter.parameter === 'exact' && isPreferred(parameter.data_type)) preferred++
      continue
    }
    switch (parameter.parameter) {
      case 'exact':
        if (sameType(arg.type, parameter.data_type)) exact++
        else if (!canCast(arg.type, parameter.data_type, 'implicit')) return undefined
        else if (isPreferred(parameter.data_type)) preferred++
        break
      case 'numeric':
        if (arg.type.type === 'numeric') exact++
        else if (!isInteger(arg.type)) return undefined
        break
      case 'array':
        if (arg.type.type !== 'array') return undefined
        break
      case 'any':
      case 'common':
      case 'element':
        break
      default:
        return parameter satisfies never
    }
  }
  return [{ signature, exact, preferred, asText }]
}

/** The one best; undefined when there is none or when several are equally good. */
function choose(matches: readonly Match[]): Match | undefined {
  let best = matches
  for (const score of ['exact', 'preferred', 'asText'] as const) {
    if (best.length <= 1) break
    const most = Math.max(...best.map((m) => m[score]))
    best = best.filter((m) => m[score] === most)
  }
  // The registry lists overloads in the order in which they are to be tried.
  return best[0]
}

function apply(signature: FunctionSignature, args: readonly Bound[], span: Span): Bound {
  const parameterAt = (i: number): ParameterType => signature.parameters[i] ?? signature.variadic!
  const common = args.filter((_, i) => parameterAt(i).parameter === 'common')
  const unified = unify(common, signature.name.toUpperCase())
  const element = elementType(signature, args, span)
  let next = 0
  const coerced = args.map((arg, i) => {
    const parameter = parameterAt(i)
    switch (parameter.parameter) {
      case 'exact':
        return { expr: coerce(arg, parameter.data_type), type: parameter.data_type }
      case 'numeric': {
        const type = arg.unknown ? PLAIN_NUMERIC : arg.type.type === 'numeric' ? arg.type : numericOfInteger(arg.type)
        return { expr: coerce(arg, type), type }
      }
      case 'common':
        return { expr: unified.exprs[next++]!, type: unified.type }
      case 'array':
        return { expr: coerce(arg, arrayOf(element)), type: arrayOf(element) }
      case 'element':
        return { expr: coerce(arg, element), type: element }
      case 'any':
        return { expr: arg.unknown ? coerce(arg, TEXT) : arg.expr, type: arg.unknown ? TEXT : arg.type }
      default:
        return parameter satisfies never
    }
  })
  const type = resultType(
    signature,
    coerced.map((arg) => arg.type),
    element,
  )
  return bound(
    { op: 'call', function: signature.name, args: coerced.map((arg) => arg.expr), data_type: type },
    type,
    span,
  )
}

/** The one type of the elements of all arrays and of the values that are to be elements. */
function elementType(signature: FunctionSignature, args: readonly Bound[], span: Span): DataType {
  let found: DataType | undefined
  for (const [i, arg] of args.entries()) {
    const { parameter } = signature.parameters[i] ?? signature.variadic!
    if ((parameter !== 'array' && parameter !== 'element') || arg.unknown) continue
    const own = parameter === 'array' && arg.type.type === 'array' ? arg.type.element : arg.type
    const common = found === undefined ? own : commonType([found, own])
    if (common === undefined) noSuchFunction(signature.name, args, span, undefined)
    found = common
  }
  return found ?? TEXT
}

function resultType(signature: FunctionSignature, args: readonly DataType[], element: DataType): DataType {
  const rule = signature.result
  switch (rule.returns) {
    case 'fixed':
      return rule.data_type
    case 'argument':
      return args[rule.index]!
    case 'common_array':
      return arrayOf(element)
    case 'common_element':
      return element
    case 'bound':
      throw new Error('only the binder calls this function, and it knows the type')
    case 'numeric_of_scale': {
      const type = args[rule.index]!
      return numeric(38, type.type === 'numeric' ? type.scale : 0)
    }
    case 'numeric':
      return numeric(38, rule.scale)
    default:
      return rule satisfies never
  }
}

export function noSuchFunction(name: string, args: readonly Bound[], span: Span, near?: string): never {
  return fail('UndefinedFunction', `function ${call(name, args)} does not exist`, span, {
    hint:
      near === undefined
        ? 'No function matches the given name and argument types. You might need to add explicit type casts.'
        : `Perhaps you meant the function "${near}".`,
  })
}

function call(name: string, args: readonly Bound[]): string {
  return `${name}(${args.map((arg) => (arg.unknown ? 'unknown' : familyName(arg.type))).join(', ')})`
}
