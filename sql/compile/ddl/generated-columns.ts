/** Identity columns, SERIAL and GENERATED ALWAYS AS (…) STORED: objects of the catalog beside their table, by which the engine fills
 *  the column. */

import { coerce, known } from '../../bind/coerce.js'
import { bindExpr } from '../../bind/expr.js'
import { fail } from '../../bind/fail.js'
import type { CatalogChange, DefinitionKind } from '../../contract/plan.generated.js'
import { rewrite, some, usedColumns } from '../../logical/expr.js'
import { foldExpr } from '../../logical/fold.js'
import { volatilityOf } from '../../logical/volatility.js'
import type * as tree from '../../syntax/tree.js'
import { type CompileContext, environmentOf, textOf } from '../context.js'
import { rowScope, rowStage } from '../row-expressions.js'
import type { Constrained } from './constraints.js'

const SERIAL = new Map([
  ['smallserial', 'smallint'],
  ['serial2', 'smallint'],
  ['serial', 'integer'],
  ['serial4', 'integer'],
  ['bigserial', 'bigint'],
  ['serial8', 'bigint'],
])

/** SERIAL is short for an identity column that takes other values as well. */
export function withoutSerial(column: tree.ColumnDefinition): tree.ColumnDefinition {
  const { type, span } = column
  const whole = type.dimensions === 0 ? SERIAL.get(type.name) : undefined
  if (whole === undefined) return column
  const generated: tree.GeneratedColumn = { kind: 'identity', always: false, start: 1n, increment: 1n, span }
  return { ...column, type: { ...type, name: whole }, notNull: true, generated }
}

export function bindGenerated(
  columns: readonly tree.ColumnDefinition[],
  table: Constrained,
  nextId: () => number,
  context: CompileContext,
): CatalogChange[] {
  return columns.flatMap((column): CatalogChange[] => {
    const { generated, name } = column
    if (generated === undefined) return []
    const at = table.columns.findIndex((c) => c.name === name.name)
    const what = `column "${name.name}" of table "${table.name}"`
    if (column.default !== undefined) {
      const other = generated.kind === 'identity' ? 'identity' : 'generation expression'
      fail('SyntaxError', `both default and ${other} specified for ${what}`, column.span)
    }
    const object =
      generated.kind === 'identity'
        ? identity(generated, at, table)
        : stored(generated.expr, at, table, columns, context)
    const ending = generated.kind === 'identity' ? 'seq' : 'generated'
    const base = { id: nextId(), name: `${table.name}_${name.name}_${ending}`, schema: table.schema }
    const definition = { ...base, sql: textOf(context, generated.span), object, depends_on: [table.id] }
    return [{ change: 'create', definition }]
  })
}

type Identity = Extract<tree.GeneratedColumn, { kind: 'identity' }>

function identity(given: Identity, column: number, table: Constrained): DefinitionKind {
  const { type } = table.columns[column]!.data_type
  if (type !== 'smallint' && type !== 'integer' && type !== 'bigint')
    fail('InvalidParameterValue', 'identity column type must be smallint, integer, or bigint', given.span)
  const { always, start, increment } = given
  if (increment === 0n) fail('InvalidParameterValue', 'INCREMENT must not be zero', given.span)
  return { kind: 'identity', table: table.id, column, always, start: start ?? (increment > 0n ? 1n : -1n), increment }
}

function stored(
  written: tree.Expr,
  column: number,
  table: Constrained,
  columns: readonly tree.ColumnDefinition[],
  context: CompileContext,
): DefinitionKind {
  const stage = rowStage(
    environmentOf(context),
    rowScope(table.columns, table.name, 0),
    'column generation expressions',
  )
  const { name, data_type } = table.columns[column]!
  const bound = known(bindExpr(written, stage))
  const expr = rewrite(
    coerce(
      bound,
      data_type,
      'assignment',
      (from, to) => `column "${name}" is of type ${to} but default expression is of type ${from}`,
    ),
    foldExpr,
  )
  if (some(expr, (part) => part.op === 'call' && volatilityOf(part.function) !== 'immutable'))
    fail('InvalidTableDefinition', 'generation expression is not immutable', written.span)
  const generated = columns.filter((c) => c.generated?.kind === 'stored').map((c) => c.name.name)
  const other = [...usedColumns(expr)].map((at) => table.columns[at]!.name).find((used) => generated.includes(used))
  if (other !== undefined) {
    const message = `cannot use generated column "${other}" in column generation expression`
    fail('InvalidTableDefinition', message, written.span, {
      detail: 'A generated column cannot reference another generated column.',
    })
  }
  return { kind: 'generated', table: table.id, column, expr }
}
