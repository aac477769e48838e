/** Functions in FROM. Those that return sets are arrays that UNNEST makes rows of, side by side (ROWS FROM); a series of constant
 *  integers is an operator of its own; any other function is one row. Their arguments see the FROM items before them. */
import type { Expr, Rel } from '../contract/plan.generated.js'
import { column, integer } from '../logical/expr.js'
import { oneRow, project } from '../logical/rel.js'
import type * as tree from '../syntax/tree.js'
import { arrayOf, BIGINT, type DataType, INTEGER, JSONB, TEXT } from '../types/data-type.js'
import { integerValue } from '../types/literal.js'
import { isScalarFunction } from './calls.js'
import { type Bound, bound, castTo, coerce } from './coerce.js'
import { evaluateConstant } from './constants.js'
import type { Environment, OutputColumn } from './environment.js'
import { bindExpr } from './expr.js'
import { fail } from './fail.js'
import { type BoundFrom, bindTableRef, named } from './from.js'
import { EMPTY_SCOPE } from './scope.js'
import { bindSet, isSetReturning, SET_FUNCTION_NAMES } from './set-returning.js'
import type { Stage } from './stage.js'
import { functionName, partitionAncestors, withoutSystemSet } from './system-sets.js'
import { bindType } from './type-name.js'

/** What one function brings: an array of values, and the columns that each value is. */
interface Part {
  readonly list: Bound
  readonly names: readonly string[]
  /** The columns over the element; it is the one column itself without them. */
  readonly fields?: (element: Expr) => readonly { readonly expr: Expr; readonly type: DataType }[]
}

/** JSON objects as records: their columns are named where the function is. */
const RECORDS = new Map([
  ['jsonb_to_recordset', true],
  ['json_to_recordset', true],
  ['jsonb_to_record', false],
  ['json_to_record', false],
])

export function bindTableFunction(ref: tree.TableFunction, env: Environment): BoundFrom {
  const none = partitionAncestors(ref)
  if (none !== undefined) return bindTableRef(none, env)
  const inner: Environment = { ...env, outer: env.lateral ?? env.outer, lateral: undefined }
  const stage: Stage = {
    env: inner,
    scope: EMPTY_SCOPE,
    clause: 'functions in FROM',
    harvest: undefined,
    aggregates: false,
    windows: false,
    subqueries: undefined,
  }
  const name = functionName(ref.name)
  const table = ref.alias?.name.name ?? name
  if (ref.alias?.types !== undefined && !RECORDS.has(name)) {
    fail(
      'SyntaxError',
      'a column definition list is only allowed for functions returning "record"',
      ref.alias.columns[0]!.span,
    )
  }
  const functions = [ref, ...(ref.beside ?? [])].flatMap((one) => {
    // unnest(a, b) is both of them side by side.
    const several = functionName(one.name) === 'unnest' && one.args.length > 1
    return several
      ? one.args.map((arg) => ({ name: one.name, args: [arg] }))
      : [withoutSystemSet({ name: one.name, args: one.args }, ref.span)]
  })
  const bound = functions.map((one) => ({
    name: functionName(one.name),
    one,
    args: one.args.map((arg) => bindExpr(arg, stage)),
  }))
  const constant =
    bound.length === 1 && ref.ordinality !== true ? constantSeries(bound[0]!.name, bound[0]!.args, ref) : undefined
  if (constant !== undefined)
    return named({ ...constant, columns: [{ ...constant.columns[0]!, name: table }] }, table, ref.alias)
  const parts = bound.map(({ name, one, args }) => partOf(name, one, args, ref, stage))
  const lists = parts.map((part) => part.list.expr)
  const rel: Rel = { op: 'unnest', input: oneRow(), lists, ordinality: ref.ordinality === true, outer: false }
  const [exprs, columns]: [Expr[], OutputColumn[]] = [[], []]
  for (const [i, part] of parts.entries()) {
    const element = column(1 + i)
    const { type } = part.list
    const fields = part.fields?.(element) ?? [{ expr: element, type: type.type === 'array' ? type.element : type }]
    for (const [at, field] of fields.entries()) {
      exprs.push(field.expr)
      columns.push({ name: part.names[at]!, type: field.type, unknown: false })
    }
  }
  // One column of one function has the table's name.
  if (columns.length === 1 && ref.alias !== undefined) columns[0] = { ...columns[0]!, name: table }
  if (ref.ordinality === true) {
    exprs.push(column(1 + parts.length))
    columns.push({ name: 'ordinality', type: BIGINT, unknown: false })
  }
  return named({ rel: project(rel, exprs), columns }, table, ref.alias)
}

function partOf(
  name: string,
  { name: written, args: items }: { readonly name: tree.Name; readonly args: readonly tree.Expr[] },
  args: readonly Bound[],
  ref: tree.TableFunction,
  stage: Stage,
): Part {
  if (RECORDS.has(name)) return recordsOf(name, args, ref)
  if (isSetReturning(name)) {
    const list = bindSet(name, args, ref.span)
    const element = list.type.type === 'array' ? list.type.element : list.type
    if (element.type !== 'row') return { list, names: [name] }
    return {
      list,
      names: element.fields.map((field) => field.name),
      fields: (value) =>
        element.fields.map((field, at) => ({
          expr: { op: 'call', function: 'row_field', args: [value, integer(at)], data_type: field.data_type },
          type: field.data_type,
        })),
    }
  }
  if (!isScalarFunction(name)) {
    fail('UndefinedFunction', `function ${name} does not exist`, written.span, {
      hint: `The table functions are ${[...SET_FUNCTION_NAMES].join(', ')}, TUMBLE, HOP, CUMULATE and SESSION.`,
    })
  }
  const call: tree.Call = {
    kind: 'call',
    name: written,
    args: items,
    star: false,
    distinct: false,
    orderBy: [],
    span: ref.span,
  }
  const value = bindExpr(call, stage)
  return { list: listOf(value), names: [name] }
}

/** One value, also NULL, as an array of it. */
function listOf(value: Bound): Bound {
  const type = arrayOf(value.type)
  return bound({ op: 'call', function: 'array_construct', args: [value.expr], data_type: type }, type, value.span)
}

function recordsOf(name: string, args: readonly Bound[], ref: tree.TableFunction): Part {
  const { alias } = ref
  if (alias?.types === undefined) {
    fail('SyntaxError', 'a column definition list is required for functions returning "record"', ref.name.span)
  }
  if (args.length !== 1) fail('UndefinedFunction', `function ${name} takes one argument`, ref.span)
  const json = coerce(args[0]!, JSONB)
  const elements: Expr = { op: 'call', function: 'jsonb_elements_of', args: [json], data_type: arrayOf(JSONB) }
  const list =
    RECORDS.get(name) === true ? bound(elements, arrayOf(JSONB), ref.span) : listOf(bound(json, JSONB, ref.span))
  const types = alias.types.map((type) => bindType(type))
  return {
    list,
    names: alias.columns.map((ident) => ident.name),
    fields: (value) =>
      types.map((type, at) => {
        const key: Expr = { op: 'literal', literal: { type: 'text', value: alias.columns[at]!.name } }
        const of = (which: string, result: DataType): Expr => ({
          op: 'call',
          function: which,
          args: [value, key],
          data_type: result,
        })
        if (type.type === 'jsonb') return { expr: of('jsonb_object_field', JSONB), type }
        return { expr: castTo(of('jsonb_object_field_text', TEXT), TEXT, type), type }
      }),
  }
}

/** `generate_series(1, 1000000000)`: as long as it likes. */
function constantSeries(
  name: string,
  args: readonly Bound[],
  ref: tree.TableFunction,
): { readonly rel: Rel; readonly columns: readonly OutputColumn[] } | undefined {
  if (name !== 'generate_series' || args.length < 2 || args.length > 3) return undefined
  const types = args.map((arg) => (arg.unknown ? 'unknown' : arg.type.type))
  if (types.some((type) => !['smallint', 'integer', 'bigint', 'unknown'].includes(type))) return undefined
  if (args.some((arg) => !isConstant(arg.expr))) return undefined
  const values = args.map((arg) => integerValue(evaluateConstant(coerce(arg, BIGINT), 'an argument', arg.span)))
  const [start, stop, step = 1n] = values
  if (start === undefined || stop === undefined || (args.length === 3 && values[2] === undefined)) return undefined
  if (step === 0n) fail('InvalidParameterValue', 'step size cannot equal zero', ref.args[2]?.span)
  const series: Rel = { op: 'generate_series', start, stop, step }
  // PostgreSQL's series of integers is of integers.
  const small = !types.includes('bigint')
  const type = small ? INTEGER : BIGINT
  const rel = small ? project(series, [castTo(column(0), BIGINT, INTEGER)]) : series
  return { rel, columns: [{ name, type, unknown: false }] }
}

function isConstant(expr: Expr): boolean {
  if (expr.op === 'literal') return true
  return expr.op === 'negate' || expr.op === 'cast' ? isConstant(expr.input) : false
}
