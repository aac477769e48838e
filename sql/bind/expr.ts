/** Scalar expressions: every kind of the tree to a typed expression over the columns of its stage. */
import type { Expr as PlanExpr } from '../contract/plan.generated.js'
import { and, column, compare, constant, exprKey, isNull, not, usedColumns } from '../logical/expr.js'
import type * as tree from '../syntax/tree.js'
import { canCast } from '../types/coercion.js'
import {
  BOOLEAN,
  type DataType,
  familyName,
  INTEGER,
  INTERVAL,
  numericOfInteger,
  sameType,
  TEXT,
  TIMESTAMPTZ,
} from '../types/data-type.js'
import { intervalOverflows, parseInterval } from '../types/interval.js'
import { FALSE, literalType, numberLiteral, TRUE } from '../types/literal.js'
import { AGGREGATE_NAMES, bindAggregate, isAggregate } from './aggregates.js'
import { bindCall } from './calls.js'
import { type Bound, boolean, bound, castTo, coerce, known, unify, unknownNull, unknownText } from './coerce.js'
import { bindDerived } from './derived-calls.js'
import { fail, unsupported } from './fail.js'
import { withEscape } from './like-escape.js'
import {
  bindArray,
  bindField,
  bindMap,
  bindQuantifiedArray,
  bindRow,
  bindSlice,
  bindSubscript,
  bindTypedArray,
} from './nested.js'
import { bindBinary, bindComparison, bindNegation, bindNot, bindPrefix, comparable, noOperator } from './operators.js'
import { asOuter, refersOut } from './outer.js'
import { ParameterTypes } from './parameters.js'
import { bindPredict } from './predict.js'
import { bindRows } from './row-comparison.js'
import { lookUp, noSuchColumn, type Scope } from './scope.js'
import { bindSet, isSetReturning } from './set-returning.js'
import { addAggregate, addSet, place, type Stage } from './stage.js'
import { bindExistsValue, bindInValue, bindQuantified, bindScalarSubquery } from './subquery.js'
import {
  bindFunctionNumber,
  bindRegistered,
  bindSystemCall,
  bindSystemWord,
  isRegistered,
  shownName,
} from './system.js'
import { withoutSystemSet } from './system-sets.js'
import { bindType, isPadded, lengthOf } from './type-name.js'
import { bindWindowCall, isWindowFunction, WINDOW_FUNCTION_NAMES } from './windows.js'

export function bindExpr(expr: tree.Expr, stage: Stage): Bound {
  const { span } = expr
  switch (expr.kind) {
    case 'number': {
      const literal = numberLiteral(expr.text)
      if (literal === undefined)
        fail('NumericValueOutOfRange', `"${expr.text}" is out of range for type double precision`, span)
      return bound(constant(literal), literalType(literal), span)
    }
    case 'string':
      return unknownText(expr.value, span)
    case 'boolean':
      return bound(constant(expr.value ? TRUE : FALSE), BOOLEAN, span)
    case 'null':
      return unknownNull(span)
    case 'typed_literal':
      return bindTypedLiteral(expr)
    case 'parameter':
      return bindParameter(expr, stage)
    case 'column':
      return bindColumn(expr, stage)
    case 'unary': {
      const operand = bindExpr(expr.operand, stage)
      if (expr.operator === 'not') return bindNot(operand, span)
      if (expr.operator === '-') return bindNegation(operand, span)
      return expr.operator === '+' ? operand : bindPrefix(expr.operator, operand, span)
    }
    case 'binary':
      if (expr.left.kind === 'row' && expr.right.kind === 'row')
        return bindRows(expr, expr.left, expr.right, (item) => bindExpr(item, stage))
      return bindBinary(expr.operator, bindExpr(expr.left, stage), bindExpr(expr.right, stage), expr.operatorSpan, span)
    case 'is_test':
      return bindIsTest(expr, stage)
    case 'is_distinct': {
      const operator = expr.negated ? 'is_not_distinct_from' : 'is_distinct_from'
      return bindComparison(operator, bindExpr(expr.left, stage), bindExpr(expr.right, stage), span, span, '=')
    }
    case 'between':
      return bindBetween(expr, stage)
    case 'in_list':
      return bindInList(expr, stage)
    case 'in_query':
      return bindInValue(expr, stage)
    case 'quantified':
      return bindQuantified(expr, stage)
    case 'like': {
      const written = bindExpr(expr.pattern, stage)
      const [input, pattern] = [
        bindExpr(expr.operand, stage),
        expr.escape === undefined ? written : withEscape(written, bindExpr(expr.escape, stage)),
      ]
      const operator = `${expr.negated ? '!' : ''}~~${expr.caseInsensitive ? '*' : ''}`
      if ([input, pattern].some((side) => !side.unknown && side.type.type !== 'text'))
        noOperator(operator, input, pattern, span)
      return bound(
        {
          op: 'like',
          input: coerce(input, TEXT),
          pattern: coerce(pattern, TEXT),
          negated: expr.negated,
          case_insensitive: expr.caseInsensitive,
        },
        BOOLEAN,
        span,
      )
    }
    case 'exists':
      return bindExistsValue(expr, stage)
    case 'subquery':
      return bindScalarSubquery(expr, stage)
    case 'case':
      return withoutSets('CASE', stage, () => bindCase(expr, stage), span)
    case 'cast':
      return bindCast(expr, stage)
    case 'collate':
      return bindCollate(expr, stage)
    case 'call':
      return bindFunction(expr, stage)
    case 'extract':
      return bindCall(
        'date_part',
        [bound(constant({ type: 'text', value: expr.field }), TEXT, span), timeOf(bindExpr(expr.operand, stage))],
        span,
      )
    case 'at_time_zone':
      return bindCall('timezone', [bindExpr(expr.zone, stage), bindExpr(expr.operand, stage)], span)
    case 'row':
      return bindRow(
        expr.items.map((item) => bindExpr(item, stage)),
        span,
      )
    case 'array':
      return bindArray(
        expr.items.map((item) => bindExpr(item, stage)),
        span,
      )
    case 'array_query':
      return bindArrayQuery(expr, stage)
    case 'subscript':
      return bindSubscript(bindExpr(expr.operand, stage), bindExpr(expr.index, stage), span)
    case 'slice': {
      const [lower, upper] = [expr.lower, expr.upper].map((side) => side && bindExpr(side, stage))
      return bindSlice(bindExpr(expr.operand, stage), lower, upper, span)
    }
    case 'field':
      return bindField(bindExpr(expr.operand, stage), expr.name, span)
    case 'quantified_array':
      return bindQuantifiedArray(expr, bindExpr(expr.operand, stage), bindExpr(expr.array, stage))
    case 'default':
      return fail('SyntaxError', 'DEFAULT is not allowed in this context', span)
    default:
      return expr satisfies never
  }
}

/** A string in EXTRACT is a timestamp with time zone, as PostgreSQL prefers. */
function timeOf(value: Bound): Bound {
  return value.unknown ? bound(coerce(value, TIMESTAMPTZ), TIMESTAMPTZ, value.span) : value
}

/** A condition: boolean, and named so in its error. */
export function bindCondition(expr: tree.Expr, stage: Stage): PlanExpr {
  return boolean(bindExpr(expr, stage), stage.clause)
}

function bindColumn(ref: tree.ColumnRef, stage: Stage): Bound {
  const found = lookUp(stage.scope, ref)
  if (found !== undefined) return bound(mark(found.expr, ref), found.type, ref.span)
  const around: Scope[] = []
  for (let outer = stage.env.outer; outer !== undefined; outer = outer.parent) {
    const there = lookUp(outer.scope, ref)
    if (there !== undefined) return bound(asOuter(there.expr, there.type, outer), there.type, ref.span)
    around.push(outer.scope)
  }
  return bindSystemWord(ref, stage) ?? bindWholeRow(stage.scope, ref) ?? noSuchColumn([stage.scope, ...around], ref)
}

/** The name of a table alone is its row. */
function bindWholeRow(scope: Scope, ref: tree.ColumnRef): Bound | undefined {
  const [only] = ref.parts
  if (ref.parts.length > 1 || !scope.tables.includes(only!.name)) return undefined
  const columns = scope.columns.filter((c) => c.table === only!.name)
  if (columns.length === 0) return undefined
  const args = columns.map((c) => mark(c.expr, ref))
  const type: DataType = { type: 'row', fields: columns.map((c) => ({ name: c.name, data_type: c.type })) }
  return bound({ op: 'call', function: 'row_construct', args, data_type: type }, type, ref.span)
}

const marks = new WeakMap<PlanExpr, tree.ColumnRef>()

/** A fresh node a reference, so that a later error (not in GROUP BY) can point at it. */
export function mark(expr: PlanExpr, ref: tree.ColumnRef): PlanExpr {
  const copy = expr.op === 'column' ? column(expr.index) : { ...expr }
  marks.set(copy, ref)
  return copy
}

export function writtenAs(expr: PlanExpr): tree.ColumnRef | undefined {
  return marks.get(expr)
}

function bindTypedLiteral(expr: tree.TypedLiteral): Bound {
  const type = bindType(expr.type)
  if (type.type === 'interval') {
    const parts = parseInterval(expr.value, expr.unit)
    if (parts === undefined) {
      if (intervalOverflows(expr.value, expr.unit))
        fail('IntervalFieldOverflow', `interval field value out of range: "${expr.value}"`, expr.span)
      fail('InvalidDatetimeFormat', `invalid input syntax for type interval: "${expr.value}"`, expr.span)
    }
    return bound(constant({ type: 'interval', ...parts }), INTERVAL, expr.span)
  }
  return bound(coerce(unknownText(expr.value, expr.span), type), type, expr.span)
}

function bindParameter({ index, span }: tree.Parameter, stage: Stage): Bound {
  const { parameters } = stage.env
  if (parameters instanceof ParameterTypes) return { ...parameters.node(index), span }
  const literal = parameters[index - 1]
  if (literal === undefined) {
    const given = parameters.length
    fail('UndefinedParameter', `there is no parameter $${index}`, span, {
      detail: `The statement got ${given} parameter${given === 1 ? '' : 's'}.`,
    })
  }
  // Texts and NULL take the type that the context wants, as parameters do in PostgreSQL.
  if (literal.type === 'text') return unknownText(literal.value, span)
  if (literal.type === 'null') return unknownNull(span)
  return bound(constant(literal), literalType(literal), span)
}

function bindIsTest(expr: tree.IsTest, stage: Stage): Bound {
  const operand = bindExpr(expr.operand, stage)
  // What else is said of a parameter gives it its type.
  if (expr.test === 'null') return bound(isNull(operand.expr, expr.negated), BOOLEAN, expr.span)
  const value = boolean(operand, `IS ${expr.test.toUpperCase()}`)
  if (expr.test === 'unknown') return bound(isNull(value, expr.negated), BOOLEAN, expr.span)
  const wanted = constant(expr.test === 'true' ? TRUE : FALSE)
  return bound(compare(expr.negated ? 'is_distinct_from' : 'is_not_distinct_from', value, wanted), BOOLEAN, expr.span)
}

function bindBetween(expr: tree.Between, stage: Stage): Bound {
  const [operand, low, high] = [bindExpr(expr.operand, stage), bindExpr(expr.low, stage), bindExpr(expr.high, stage)]
  const within = (from: Bound, to: Bound) =>
    and([
      bindComparison('greater_equal', operand, from, expr.span, expr.span, '>=').expr,
      bindComparison('less_equal', operand, to, expr.span, expr.span, '<=').expr,
    ])
  const inside = expr.symmetric ? compare('or', within(low, high), within(high, low)) : within(low, high)
  return bound(expr.negated ? not(inside) : inside, BOOLEAN, expr.span)
}

function bindInList(expr: tree.InList, stage: Stage): Bound {
  if (expr.items.length === 0) {
    bindExpr(expr.operand, stage)
    return bound(constant(expr.negated ? TRUE : FALSE), BOOLEAN, expr.span)
  }
  if (expr.operand.kind === 'row') {
    const row = expr.operand
    const any = expr.items
      .map((item) =>
        item.kind === 'row'
          ? bindRows(
              { kind: 'binary', operator: '=', left: row, right: item, operatorSpan: item.span, span: item.span },
              row,
              item,
              (each) => bindExpr(each, stage),
            ).expr
          : unsupported('IN of a row value needs row values', item.span),
      )
      .reduce((left, right) => compare('or', left, right))
    return bound(expr.negated ? not(any) : any, BOOLEAN, expr.span)
  }
  const operand = bindExpr(expr.operand, stage)
  const items = expr.items.map((item) => bindExpr(item, stage))
  for (const item of items) {
    if (comparable(operand, item) === undefined) noOperator('=', operand, item, item.span)
  }
  const { exprs } = unify([operand, ...items], 'IN')
  const [input, ...list] = exprs
  return bound({ op: 'in_list', input: input!, list, negated: expr.negated }, BOOLEAN, expr.span)
}

function bindCase(expr: tree.Case, stage: Stage): Bound {
  const operand = expr.operand === undefined ? undefined : bindExpr(expr.operand, stage)
  const whens = expr.branches.map((branch) => {
    const when = bindExpr(branch.when, stage)
    return operand === undefined
      ? boolean(when, 'CASE/WHEN')
      : bindComparison('equal', operand, when, branch.when.span, branch.span, '=').expr
  })
  const results = expr.branches.map((branch) => bindExpr(branch.then, stage))
  if (expr.otherwise !== undefined) results.push(bindExpr(expr.otherwise, stage))
  const { type, exprs } = unify(results, 'CASE')
  // biome-ignore lint/suspicious/noThenProperty: the contract's CASE branch has a THEN
  const branches = whens.map((when, i) => ({ when, then: exprs[i]! }))
  const otherwise = expr.otherwise === undefined ? null : exprs.at(-1)!
  return bound({ op: 'case', branches, otherwise, data_type: type }, type, expr.span)
}

function bindCast(expr: tree.Cast, stage: Stage): Bound {
  if (isRegistered(expr.type)) return bindRegistered(expr, stage)
  if (expr.type.name === 'oid' && expr.operand.kind === 'cast' && expr.operand.type.name === 'regproc') {
    const number = bindFunctionNumber(expr.operand, stage)
    if (number !== undefined) return number
  }
  if (expr.try) unsupported('TRY_CAST is not supported yet', expr.span)
  const written = bindType(expr.type)
  // As text such a value is the object's name.
  if (written.type === 'text' && expr.operand.kind === 'cast' && isRegistered(expr.operand.type))
    return bindExpr(shownName(expr.operand), stage)
  if (written.type === 'array' && expr.operand.kind === 'array') return bindArrayAs(expr.operand, written, stage)
  const operand = bindExpr(expr.operand, stage)
  const type = castTarget(written, expr.type, operand)
  const value = bound(coerce(operand, type, 'explicit'), type, expr.span)
  const length = lengthOf(expr.type)
  const cut =
    length === undefined
      ? value
      : bindCall('left', [value, bound(constant({ type: 'integer', value: length }), INTEGER, expr.span)], expr.span)
  return isPadded(expr.type) ? bindCall('rtrim', [cut], expr.span) : cut
}

const COLLATIONS: ReadonlySet<string> = new Set(['default', 'C', 'C.UTF-8', 'C.utf8', 'POSIX', 'ucs_basic'])

/** Texts are compared by their bytes, which is what these collations do. */
function bindCollate({ operand, collation, span }: tree.Collate, stage: Stage): Bound {
  const name = collation.parts.at(-1)!.name
  const known = collation.parts.length === 1 || collation.parts[0]!.name === 'pg_catalog'
  if (!known || !COLLATIONS.has(name)) {
    fail('UndefinedObject', `collation "${name}" for encoding "UTF8" does not exist`, collation.span, {
      hint: 'The collations are "C", "POSIX" and "default", which are the same: texts are compared by their bytes.',
    })
  }
  const value = bindExpr(operand, stage)
  if (!value.unknown && value.type.type !== 'text')
    fail('DatatypeMismatch', `collations are not supported by type ${familyName(value.type)}`, span)
  return { ...value, span }
}

/** `ARRAY[…]::type[]`, and the arrays within. */
function bindArrayAs(array: tree.ArrayLiteral, type: DataType & { type: 'array' }, stage: Stage): Bound {
  const { element } = type
  const items = array.items.map((item) =>
    item.kind === 'array' && element.type === 'array' ? bindArrayAs(item, element, stage) : bindExpr(item, stage),
  )
  return bindTypedArray(items, type, array.span)
}

/** `x::numeric` without (p, s) keeps the digits that x has. */
function castTarget(type: DataType, written: tree.TypeName, operand: Bound): DataType {
  if (type.type !== 'numeric' || written.arguments.length > 0) return type
  if (operand.unknown && operand.expr.op === 'literal' && operand.expr.literal.type === 'text') {
    const literal = numberLiteral(operand.expr.literal.value.trim().replace(/^[+-]/, ''))
    return literal === undefined
      ? type
      : literal.type === 'numeric'
        ? literalType(literal)
        : numericOfInteger(literalType(literal))
  }
  if (operand.type.type === 'numeric') return operand.type
  return canCast(operand.type, { type: 'numeric', precision: 38, scale: 0 }, 'implicit') &&
    !sameType(operand.type, type)
    ? numericOfInteger(operand.type)
    : type
}

const NOW_CASTS = new Map<string, DataType>([
  ['now', TIMESTAMPTZ],
  ['current_timestamp', TIMESTAMPTZ],
  ['transaction_timestamp', TIMESTAMPTZ],
  ['statement_timestamp', TIMESTAMPTZ],
  ['localtimestamp', { type: 'timestamp' }],
  ['current_date', { type: 'date' }],
  ['localtime', { type: 'time' }],
])

function bindFunction(written: tree.Call, stage: Stage): Bound {
  const call = withoutSystemSet(written, written.span)
  if (call.name.parts.length > 2 || (call.name.parts.length === 2 && call.name.parts[0]!.name !== 'pg_catalog')) {
    fail(
      'UndefinedFunction',
      `function ${call.name.parts.map((p) => p.name).join('.')} does not exist`,
      call.name.span,
      { hint: 'Functions are in the schema pg_catalog, which need not be said.' },
    )
  }
  const name = call.name.parts.at(-1)!.name
  if (call.over !== undefined) return bindWindowCall(call, name, stage)
  if (isAggregate(call, name)) return bindAggregateCall(call, name, stage)
  if (call.withinGroup !== undefined)
    fail('WrongObjectType', `WITHIN GROUP specified, but ${name} is not an aggregate function`, call.span)
  if (isWindowFunction(name)) fail('WrongObjectType', `window function ${name} requires an OVER clause`, call.span)
  if (call.star) fail('WrongObjectType', `${name}(*) specified, but ${name} is not an aggregate function`, call.span)
  if (call.distinct) fail('WrongObjectType', `DISTINCT specified, but ${name} is not an aggregate function`, call.span)
  if (call.filter !== undefined)
    fail('WrongObjectType', `FILTER specified, but ${name} is not an aggregate function`, call.filter.span)
  if (name === 'predict') return bindPredict(call, stage)
  if (name === 'grouping') return bindGroupingCall(call, stage)
  if (name === 'map') {
    const args = call.args.map((arg) => bindExpr(arg, stage))
    return bindMap(args, call.span)
  }
  const system = bindSystemCall(call, name, stage)
  if (system !== undefined) return system
  const moment = call.args.length === 0 ? NOW_CASTS.get(name) : undefined
  if (moment !== undefined) {
    const now: PlanExpr = { op: 'call', function: 'now', args: [], data_type: TIMESTAMPTZ }
    return bound(castTo(now, TIMESTAMPTZ, moment), moment, call.span)
  }
  if (name === 'coalesce')
    return withoutSets('COALESCE', stage, () => bindCall(name, bindAll(call.args, stage), call.span), call.span)
  const args = bindAll(call.args, stage)
  if (isSetReturning(name)) return bindSetCall(name, args, call.span, stage)
  const derived = bindDerived(name, args, call.span)
  if (derived !== undefined) return derived
  return bindCall(name, args, call.span, [...AGGREGATE_NAMES, ...WINDOW_FUNCTION_NAMES, 'predict'])
}

function bindAll(exprs: readonly tree.Expr[], stage: Stage): Bound[] {
  return exprs.map((expr) => bindExpr(expr, stage))
}

/** The array of a query's values, empty where it has no row: what a subquery with ARRAY_AGG over it gives. */
function bindArrayQuery({ query, span }: tree.ArrayQuery, stage: Stage): Bound {
  const ident = (name: string): tree.Ident => ({ kind: 'ident', name, span })
  const value: tree.Expr = { kind: 'column', parts: [ident('value')], span }
  const call: tree.Call = {
    kind: 'call',
    name: { kind: 'name', parts: [ident('array_agg')], span },
    args: [value],
    star: false,
    distinct: false,
    orderBy: [],
    span,
  }
  const alias: tree.TableAlias = { kind: 'table_alias', name: ident('rows'), columns: [ident('value')], span }
  const select: tree.Select = {
    kind: 'select',
    distinct: false,
    distinctOn: [],
    items: [{ kind: 'select_expr', expr: call, span }],
    from: [{ kind: 'derived_table', query, lateral: false, alias, span }],
    windows: [],
    span,
  }
  const collected = bindScalarSubquery(
    { kind: 'subquery', query: { kind: 'query', body: select, orderBy: [], span }, span },
    stage,
  )
  return bindCall('coalesce', [collected, unknownText('{}', span)], span)
}

/** A guarded operand cannot multiply rows. */
function withoutSets(what: string, stage: Stage, bind: () => Bound, span: tree.Span): Bound {
  const before = stage.harvest?.sets.length
  const value = bind()
  if (stage.harvest?.sets.length !== before) unsupported(`set-returning functions are not allowed in ${what}`, span)
  return value
}

/** Beside the rows of a select list; within a condition there is nothing that it could multiply. */
function bindSetCall(name: string, args: readonly Bound[], span: tree.Span, stage: Stage): Bound {
  if (stage.inside !== undefined) {
    const outer = stage.inside === 'window' ? 'window' : 'aggregate'
    unsupported(`${outer} function calls cannot contain set-returning function calls`, span, undefined)
  }
  const places = ['SELECT', 'ORDER BY', 'GROUP BY', 'DISTINCT ON']
  if (stage.harvest === undefined || !places.includes(stage.clause))
    unsupported(`set-returning functions are not allowed in ${stage.clause}`, span)
  const list = bindSet(name, args, span)
  if (list.type.type !== 'array') throw new Error(`${name} is no array`)
  return bound(addSet(stage.harvest, list.expr), list.type.element, span)
}

function bindGroupingCall(call: tree.Call, stage: Stage): Bound {
  if (!stage.aggregates || stage.harvest === undefined)
    fail('GroupingError', `grouping operations are not allowed in ${stage.clause}`, call.span)
  if (call.args.length === 0 || call.args.length > 31)
    fail('SyntaxError', 'GROUPING must have between 1 and 31 arguments', call.span)
  const args = call.args.map((arg) => known(bindExpr(arg, { ...stage, aggregates: false, windows: false })).expr)
  const { groupings } = stage.harvest
  const same = groupings.findIndex((other) => other.args.map(exprKey).join() === args.map(exprKey).join())
  return bound(
    place('grouping', same === -1 ? groupings.push({ args, span: call.span }) - 1 : same),
    INTEGER,
    call.span,
  )
}

function bindAggregateCall(call: tree.Call, name: string, stage: Stage): Bound {
  const { harvest } = stage
  if (stage.inside === 'aggregate') fail('GroupingError', 'aggregate function calls cannot be nested', call.span)
  if (!stage.aggregates || harvest === undefined) {
    fail('GroupingError', `aggregate functions are not allowed in ${stage.clause}`, call.span, {
      hint: stage.clause === 'WHERE' ? 'Use HAVING.' : undefined,
    })
  }
  const beside: Stage = { ...stage, aggregates: false, windows: false, clause: `a direct argument of ${name}` }
  const inside: Stage = { ...beside, inside: 'aggregate', subqueries: 'below', clause: `an argument of ${name}` }
  return bindAggregate(call, name, { inside, beside }, (aggregate) => {
    if (aggregate.arg !== null && refersOut(aggregate.arg) && usedColumns(aggregate.arg).size === 0) {
      unsupported(
        'an aggregate of only columns of the query around is not supported',
        call.span,
        'It would be computed over the rows of the query around; compute it there, in a subquery of FROM.',
      )
    }
    return addAggregate(harvest, aggregate)
  })
}
