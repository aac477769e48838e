/** Column definitions: types, NOT NULL, defaults, primary key and watermark. */

import { coerce } from '../../bind/coerce.js'
import { constantMicroseconds } from '../../bind/constants.js'
import type { Environment } from '../../bind/environment.js'
import { bindExpr } from '../../bind/expr.js'
import { fail, unsupported } from '../../bind/fail.js'
import { checkLength } from '../../bind/object-name.js'
import { EMPTY_SCOPE } from '../../bind/scope.js'
import type { Stage } from '../../bind/stage.js'
import { bindType, lengthOf, PLAIN_NUMERIC } from '../../bind/type-name.js'
import type { ColumnDef, Expr, Watermark } from '../../contract/plan.generated.js'
import { suggest } from '../../diag/suggest.js'
import { column } from '../../logical/expr.js'
import type * as tree from '../../syntax/tree.js'
import { INTERVAL, typeName } from '../../types/data-type.js'

/** PostgreSQL's limit. */
const COLUMNS_MAX = 1600

export function bindColumns(columns: readonly tree.ColumnDefinition[], env: Environment, at: tree.Span): ColumnDef[] {
  if (columns.length === 0) fail('InvalidTableDefinition', 'a relation needs at least one column', at)
  if (columns.length > COLUMNS_MAX)
    fail('InvalidTableDefinition', `a relation can have at most ${COLUMNS_MAX} columns`, at)
  const names = new Set<string>()
  return columns.map((definition) => {
    const { name } = definition.name
    checkLength(name, definition.name.span)
    if (names.has(name)) fail('DuplicateColumn', `column "${name}" specified more than once`, definition.name.span)
    names.add(name)
    const data_type = bindType(definition.type)
    if (definition.type.name !== 'name' && lengthOf(definition.type) !== undefined)
      env.notices.push(`the length of column "${name}" is not enforced; it is text`)
    if (data_type === PLAIN_NUMERIC)
      env.notices.push(`column "${name}" is ${typeName(data_type)}; give NUMERIC(precision, scale) to choose`)
    return {
      name,
      data_type,
      nullable: !definition.notNull && !definition.primaryKey,
      default: defaultOf(definition, data_type, env),
    }
  })
}

function defaultOf(definition: tree.ColumnDefinition, type: ColumnDef['data_type'], env: Environment): Expr | null {
  if (definition.default === undefined) return null
  const stage = constantStage(env, 'DEFAULT')
  const { name } = definition.name
  const value = bindExpr(definition.default, stage)
  return coerce(
    value,
    type,
    'assignment',
    (from, to) => `column "${name}" is of type ${to} but default expression is of type ${from}`,
  )
}

export function constantStage(env: Environment, clause: string): Stage {
  return {
    env,
    scope: EMPTY_SCOPE,
    clause,
    harvest: undefined,
    aggregates: false,
    windows: false,
    subqueries: undefined,
  }
}

/** The column of that name, or an error that says which clause named it. */
export function columnAt(columns: readonly { readonly name: string }[], ident: tree.Ident, what: string): number {
  const at = columns.findIndex((c) => c.name === ident.name)
  if (at !== -1) return at
  const near = suggest(
    ident.name,
    columns.map((c) => c.name),
  )
  return fail('UndefinedColumn', `column "${ident.name}" ${what} does not exist`, ident.span, {
    hint: near === undefined ? undefined : `Perhaps you meant the column "${near}".`,
  })
}

/** WATERMARK FOR ts AS ts - INTERVAL '5 seconds'. */
export function bindWatermark(
  watermark: tree.Watermark | undefined,
  columns: readonly ColumnDef[],
  env: Environment,
): Watermark | null {
  if (watermark === undefined) return null
  const at = columnAt(columns, watermark.column, 'named in WATERMARK')
  const { data_type: type, name } = columns[at]!
  if (type.type !== 'timestamp' && type.type !== 'timestamptz') {
    fail(
      'DatatypeMismatch',
      `the watermark column "${name}" must be a timestamp, not ${typeName(type)}`,
      watermark.column.span,
    )
  }
  const scope = { tables: [], columns: [{ name, table: null, expr: column(0), type, qualifiedOnly: false }] }
  const value = bindExpr(watermark.expr, { ...constantStage(env, 'WATERMARK'), scope }).expr
  if (value.op === 'column') return { column: at, delay_us: 0n }
  if (value.op !== 'binary' || value.operator !== 'subtract' || value.left.op !== 'column') {
    unsupported(
      'a watermark must be the column itself, or the column minus an interval',
      watermark.expr.span,
      `For example ${name} - INTERVAL '5 seconds'.`,
    )
  }
  const delay = coerce({ expr: value.right, type: INTERVAL, unknown: false, span: watermark.expr.span }, INTERVAL)
  return {
    column: at,
    delay_us: constantMicroseconds(delay, 'the delay of a watermark', watermark.expr.span, { zero: true }),
  }
}
