/** What a statement asks of the system: relations of pg_catalog and information_schema, functions about the catalog and the session,
 *  and the types that stand for objects by their numbers (regclass and its kin). */

import type { Expr } from '../contract/plan.generated.js'
import { constant, text } from '../logical/expr.js'
import type * as tree from '../syntax/tree.js'
import { SYSTEM_FUNCTIONS } from '../system/functions.js'
import type { Facts } from '../system/index.js'
import { isSystemSchema, systemRelation, systemRows } from '../system/index.js'
import { classNames } from '../system/lookups.js'
import { isVisible, searched } from '../system/objects.js'
import { PG_TYPES } from '../system/pg-types.js'
import { BIGINT, familyName, TEXT } from '../types/data-type.js'
import { nullOf } from '../types/literal.js'
import { type Bound, bound, coerce } from './coerce.js'
import type { BoundQuery, Environment } from './environment.js'
import { bindExpr } from './expr.js'
import { fail, unsupported } from './fail.js'
import { decideParameter, isParameter, standIn } from './parameters.js'
import { type Scope, unqualified } from './scope.js'
import type { Stage } from './stage.js'
import { expressionOf } from './template.js'

/** The session around a statement, and what the statement turns out to want of it. */
export interface SessionView {
  /** All settings by name. */
  readonly settings: ReadonlyMap<string, string>
  /** Whether something was read that changes without the catalog's changing. */
  momentary: boolean
  /** What set_config is to set when the statement runs. */
  readonly sets: { readonly name: string; readonly value: string }[]
}

function factsOf(env: Environment): Facts {
  const { settings } = env.session
  return {
    catalog: env.catalog,
    definitions: env.catalog.all(),
    setting: (name) => settings.get(name) ?? '',
    settings: [...settings],
  }
}

/** The rows of a system relation, if the name is one's. */
export function bindSystemRelation(
  name: tree.Name,
  asOf: tree.AsOf | undefined,
  env: Environment,
): BoundQuery | undefined {
  const [first, second] = name.parts
  const schema = second === undefined ? undefined : first!.name
  const relation = name.parts.length > 2 ? undefined : systemRelation(schema, (second ?? first!).name)
  if (relation === undefined) {
    if (second !== undefined && isSystemSchema(first!.name))
      fail('UndefinedTable', `relation "${first!.name}.${second.name}" does not exist`, name.span)
    return undefined
  }
  if (asOf !== undefined || env.asOf !== null) unsupported('AS OF cannot be said of a system relation', name.span)
  env.session.momentary = true
  return {
    rel: systemRows(relation, factsOf(env)),
    columns: relation.columns.map((column) => ({ ...column, unknown: false })),
  }
}

// ---- functions

/** Words that are functions without parentheses. */
const WORDS: ReadonlySet<string> = new Set([
  'current_user',
  'session_user',
  'user',
  'current_role',
  'current_catalog',
  'current_schema',
])

/** `current_user` and its kin, where no column is called so. */
export function bindSystemWord(ref: tree.ColumnRef, stage: Stage): Bound | undefined {
  const { name } = ref.parts[0]!
  if (ref.parts.length > 1 || !WORDS.has(name)) return undefined
  return bindExpr(expressionOf(SYSTEM_FUNCTIONS[name]!.forms[0]!, [], ref.span), stage)
}

/** A call of a function about the system, if it is one. */
export function bindSystemCall(call: tree.Call, name: string, stage: Stage): Bound | undefined {
  switch (name) {
    case 'current_setting':
      return currentSetting(call, stage)
    case 'set_config':
      return setConfig(call, stage)
    case 'pg_typeof':
      return oneArgument(call, (arg) => {
        const { type, unknown } = bindExpr(arg, stage)
        return bound(text(unknown ? 'unknown' : familyName(type)), TEXT, call.span)
      })
    case 'current_schemas':
      return currentSchemas(call, stage)
    case 'to_regclass':
    case 'to_regtype':
    case 'to_regnamespace':
      return oneArgument(call, (arg) => bindExpr(registered(name.slice('to_'.length), arg, call.span, true), stage))
    default: {
      const known = Object.hasOwn(SYSTEM_FUNCTIONS, name) ? SYSTEM_FUNCTIONS[name] : undefined
      const form = known?.forms[call.args.length - known.from]
      return form === undefined ? undefined : bindExpr(expressionOf(form, call.args, call.span), stage)
    }
  }
}

function oneArgument(call: tree.Call, bind: (arg: tree.Expr) => Bound): Bound | undefined {
  const [arg, more] = call.args
  return arg === undefined || more !== undefined ? undefined : bind(arg)
}

/** The schemas of the search path that are there, after the system's if that is asked for. */
function currentSchemas(call: tree.Call, stage: Stage): Bound | undefined {
  const path = searched(factsOf(stage.env))
  const list = (names: readonly string[]) =>
    `CAST('{${names.map((name) => JSON.stringify(name).replaceAll("'", "''")).join(',')}}' AS text[])`
  const form = `CASE WHEN $1 THEN ${list(['pg_catalog', ...path])} ELSE ${list(path)} END`
  return oneArgument(call, (arg) => bindExpr(expressionOf(form, [arg], call.span), stage))
}

function stringOf(expr: tree.Expr | undefined): string | undefined {
  if (expr?.kind === 'cast') return stringOf(expr.operand)
  return expr?.kind === 'string' ? expr.value : undefined
}

function currentSetting(call: tree.Call, stage: Stage): Bound | undefined {
  const { env } = stage
  const name = stringOf(call.args[0])?.toLowerCase()
  if (call.args.length < 1 || call.args.length > 2) return undefined
  if (name === undefined) {
    const form = '(SELECT "$s".setting FROM pg_catalog.pg_settings AS "$s" WHERE "$s".name = lower($1))'
    return bindExpr(expressionOf(form, call.args, call.span), stage)
  }
  env.session.momentary = true
  const value = env.session.settings.get(name)
  if (value !== undefined) return bound(text(value), TEXT, call.span)
  const missing = call.args[1]
  if (missing?.kind === 'boolean' && missing.value) return bound(constant(nullOf(TEXT)), TEXT, call.span)
  return fail('UndefinedObject', `unrecognized configuration parameter "${name}"`, call.span)
}

function setConfig(call: tree.Call, { env }: Stage): Bound | undefined {
  if (call.args.length !== 3) return undefined
  const [name, value] = [stringOf(call.args[0])?.toLowerCase(), stringOf(call.args[1])]
  if (name === undefined || value === undefined) unsupported('set_config() takes constants', call.span)
  env.session.momentary = true
  env.session.sets.push({ name, value })
  return bound(text(value), TEXT, call.span)
}

// ---- types that name objects

const BY_NUMBER: Readonly<Record<string, string>> = {
  regclass: '$class_names',
  regtype: '$type_names',
  regnamespace: '$namespace_names',
}

const REGISTERED: ReadonlySet<string> = new Set([...Object.keys(BY_NUMBER), 'regproc', 'regprocedure', 'regrole'])

export function isRegistered(type: tree.TypeName): boolean {
  return REGISTERED.has(type.name) && type.dimensions === 0
}

function registered(name: string, operand: tree.Expr, span: tree.Span, orNull = false): tree.Cast {
  return { kind: 'cast', operand, type: { kind: 'type', name, arguments: [], dimensions: 0, span }, try: orNull, span }
}

/** `x::regclass`: the number of the object that a text names, or the number that was given. */
export function bindRegistered(cast: tree.Cast, stage: Stage): Bound {
  const { type, operand, span } = cast
  const given = stringOf(operand)
  if (given !== undefined && /^\d+$/.test(given))
    return bound(constant({ type: 'bigint', value: BigInt(given) }), BIGINT, span)
  // Functions are named by text in the system's relations.
  if (given !== undefined && type.name === 'regproc') return bound(text(plainName(given)), TEXT, span)
  const relation = BY_NUMBER[type.name]
  if (relation === undefined) {
    const value = bindExpr(operand, stage)
    return value.unknown ? bound(coerce(value, TEXT), TEXT, span) : value
  }
  if (given === undefined) {
    const value = bindExpr(operand, stage)
    if (value.type.type === 'text' && (isParameter(value.expr) || value.expr.op === 'literal'))
      return namedByParameter(value, cast, stage)
    if (value.type.type === 'text') {
      const named = `(SELECT min("$l"."$key") FROM pg_catalog."${relation}" AS "$l" WHERE "$l"."$value" = CAST($1 AS text))`
      const ofType = `coalesce(${named}, (SELECT min("$t".oid) FROM pg_catalog.pg_type AS "$t" WHERE "$t".typname = CAST($1 AS text)))`
      return bindExpr(expressionOf(type.name === 'regtype' ? ofType : named, [operand], span), stage)
    }
    return bound(coerce(value, BIGINT, 'explicit'), BIGINT, span)
  }
  const { env } = stage
  const wanted = type.name === 'regclass' ? inSchema(given, env) : plainName(given)
  const names = type.name === 'regclass' ? classNames(factsOf(env)) : systemNames(relation, env)
  env.session.momentary = true
  const shown = type.name === 'regclass' ? (name: string) => nameParts(name).join('.') : plainName
  const found = names.find(([, name]) => shown(name) === wanted) ?? typeOf(type.name, wanted)
  if (found !== undefined) return bound(constant({ type: 'bigint', value: BigInt(found[0]) }), BIGINT, span)
  if (cast.try) return bound(constant(nullOf(BIGINT)), BIGINT, span)
  if (type.name === 'regclass') fail('UndefinedTable', `relation "${given}" does not exist`, span)
  if (type.name === 'regnamespace') fail('InvalidSchemaName', `schema "${given}" does not exist`, span)
  return fail('UndefinedObject', `type "${given}" does not exist`, span)
}

/** `'upper'::regproc::oid`: a name that only one function has. */
export function bindFunctionNumber({ operand, span }: tree.Cast, { env }: Stage): Bound | undefined {
  const given = stringOf(operand)
  if (given === undefined) return undefined
  const wanted = plainName(given)
  const rows = systemRelation('pg_catalog', 'pg_proc')?.rows(factsOf(env)) ?? []
  const found = rows.filter(({ proname }) => proname === wanted)
  if (found.length > 1) fail('AmbiguousFunction', `more than one function named "${given}"`, span)
  const [only] = found
  if (only === undefined) return fail('UndefinedFunction', `function "${given}" does not exist`, span)
  env.session.momentary = true
  return bound(constant({ type: 'bigint', value: BigInt(only.oid as number) }), BIGINT, span)
}

/** A type by its name in pg_type. */
function typeOf(kind: string, name: string): [number, string] | undefined {
  const type = kind === 'regtype' ? PG_TYPES.find((known) => known.name === name) : undefined
  return type && [type.oid, type.name]
}

function systemNames(relation: string, env: Environment): [number, string][] {
  const rows = systemRelation('pg_catalog', relation)?.rows(factsOf(env)) ?? []
  return rows.map(({ $key, $value }) => [Number($key), String($value)])
}

/** A parameter has to be known: the statement is planned with its value each time. */
function namedByParameter({ expr }: Bound, cast: tree.Cast, stage: Stage): Bound {
  const { span } = cast
  if (isParameter(expr)) {
    standIn(decided(expr, span))
    return bound(constant(nullOf(BIGINT)), BIGINT, span)
  }
  const value = expr.op === 'literal' && expr.literal.type === 'text' ? expr.literal.value : undefined
  if (value === undefined) return bound(constant(nullOf(BIGINT)), BIGINT, span)
  return bindRegistered({ ...cast, operand: { kind: 'string', value, span } }, stage)
}

function decided(expr: Expr & { op: 'parameter' }, span: tree.Span): Expr & { op: 'parameter' } {
  const typed = decideParameter(expr, TEXT, span)
  return isParameter(typed) ? typed : expr
}

/** The written name of a relation as it is shown: with its schema only if it needs that. */
function inSchema(given: string, env: Environment): string {
  const parts = nameParts(given)
  const [schema, name] = parts
  if (schema === undefined || name === undefined || parts.length > 2) return plainName(given)
  const facts = factsOf(env)
  return isVisible({ schema, name }, facts) ? name : parts.join('.')
}

/** A written name as the system keeps it: folded, without quotes and without the schema that is searched anyway. */
function plainName(written: string): string {
  const names = nameParts(written)
  if (names.length > 1 && ['public', 'main', 'pg_catalog'].includes(names[0]!)) names.shift()
  return names.join('.')
}

function nameParts(written: string): string[] {
  const parts = written.match(/"(?:[^"]|"")*"|[^.]+/g) ?? [written]
  return parts.map((part) =>
    part.startsWith('"') ? part.slice(1, -1).replaceAll('""', '"') : part.trim().toLowerCase(),
  )
}

/** What is shown of a value of such a type: the object's name, or its number where nothing has it. */
export function shownName(cast: tree.Cast): tree.Expr {
  const { operand, span } = cast
  if (cast.type.name === 'regrole') return expressionOf(SYSTEM_FUNCTIONS.pg_get_userbyid!.forms[0]!, [operand], span)
  const relation = BY_NUMBER[cast.type.name]
  if (relation === undefined) return expressionOf('CAST($1 AS text)', [operand], span)
  const form = `coalesce((SELECT "$l"."$value" FROM pg_catalog."${relation}" AS "$l" WHERE "$l"."$key" = $1), CAST(CAST($1 AS bigint) AS text))`
  return expressionOf(form, [cast], span)
}

/** Columns of pg_index that PostgreSQL has as vectors (int2vector, oidvector), which are written with spaces between. */
const VECTORS: ReadonlySet<string> = new Set(['indkey', 'indoption', 'indclass', 'indcollation'])
/** What only pg_index has. */
const OF_INDEXES = ['indexrelid', 'indisready', 'indnkeyatts']

export function isVector({ parts }: tree.ColumnRef, scope: Scope): boolean {
  const name = parts.at(-1)?.name ?? ''
  if (!VECTORS.has(name)) return false
  const table = parts.length > 1 ? parts.at(-2)!.name : unqualified(scope, name)[0]?.table
  return OF_INDEXES.every((column) => scope.columns.some((c) => c.table === table && c.name === column))
}

export function shownVector(column: tree.ColumnRef): tree.Expr {
  return expressionOf("array_to_string($1, ' ')", [column], column.span)
}
