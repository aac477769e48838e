/** INSERT, UPDATE and DELETE. */

import { coerce, known } from '../bind/coerce.js'
import type { Environment } from '../bind/environment.js'
import { bindExpr } from '../bind/expr.js'
import { fail } from '../bind/fail.js'
import { bindQuery } from '../bind/query.js'
import { retype } from '../bind/retype.js'
import type { Scope } from '../bind/scope.js'
import { bindItems } from '../bind/select.js'
import { newHarvest, resolveBelow, type Stage } from '../bind/stage.js'
import { attachAll } from '../bind/subquery.js'
import { valuesStage } from '../bind/values.js'
import type { Command, Expr, Rel } from '../contract/plan.generated.js'
import { PLAN_VERSION } from '../contract/plan.generated.js'
import { column, rewrite } from '../logical/expr.js'
import { foldExpr } from '../logical/fold.js'
import { oneRow, project } from '../logical/rel.js'
import type * as tree from '../syntax/tree.js'
import { type CompileContext, type Compiled, environmentOf, environmentOfWrite } from './context.js'
import { columnAt } from './ddl/columns.js'
import { filledBy, refuseGiven } from './ddl/filled-columns.js'
import { hasSubquery, modify, needsQuery } from './modify.js'
import { bindConflict } from './on-conflict.js'
import { planQuery } from './query-plan.js'
import { bindAssignments, bindPredicate, defaultOf, rowScope, rowStage } from './row-expressions.js'
import { type Target, target } from './target.js'

export function compileInsert(statement: tree.Insert, context: CompileContext): Compiled {
  const to = target(statement.table, 'insert into', context)
  const env = environmentOfWrite(statement, context)
  const listed = statement.columns.map((ident) => columnAt(to.columns, ident, `of relation "${to.definition.name}"`))
  const twice = statement.columns.find((_, i) => listed.indexOf(listed[i]!) !== i)
  if (twice !== undefined) fail('DuplicateColumn', `column "${twice.name}" specified more than once`, twice.span)
  const source = insertSource(statement, listed, to, env)
  const command: Extract<Command, { command: 'insert' }> = {
    command: 'insert',
    version: PLAN_VERSION,
    relation: to.definition.id,
    source: planQuery(source, context.catalog).rel,
    on_conflict: bindConflict(statement.onConflict, to, context),
    transaction: null,
  }
  const scope = rowScope(to.columns, statement.alias?.name ?? to.definition.name, 0)
  return returning(statement, { kind: 'dml', command, tag: 'INSERT' }, scope, env)
}

/** The statement with the rows that RETURNING asks for. */
function returning(
  { returning }: { readonly returning: readonly tree.SelectItem[] },
  compiled: Extract<Compiled, { kind: 'dml' }>,
  scope: Scope,
  env: Environment,
): Compiled {
  if (returning.length === 0) return compiled
  const items = bindItems(returning, { ...rowStage(env, scope, 'RETURNING') })
  const values = items.map((item) => known(item.value))
  const command: Command = {
    command: 'returning',
    version: PLAN_VERSION,
    write: compiled.command,
    exprs: values.map((value) => rewrite(value.expr, foldExpr)),
    names: items.map((item) => item.name),
  }
  const fields = items.map((item, i) => ({ name: item.name, data_type: values[i]!.type, nullable: true }))
  return { ...compiled, command, fields }
}

/** A value that is another one in every row. */
function eachRow(span: tree.Span): tree.Expr {
  return { kind: 'column', parts: [], span }
}

/** All columns of the target in order: those that the statement gives, defaults for the others. */
function insertSource(statement: tree.Insert, listed: readonly number[], to: Target, env: Environment): Rel {
  const { source } = statement
  if (source === undefined) {
    const row = to.columns.map(defaultOf)
    return { op: 'values', types: to.columns.map((c) => c.data_type), rows: [row] }
  }
  const body = source.body
  const plain =
    source.with === undefined &&
    source.orderBy.length === 0 &&
    source.limit === undefined &&
    source.offset === undefined
  if (body.kind === 'values' && plain) return insertValues(body, listed, to, statement.overriding, env)
  const query = bindQuery(source, env)
  const into = places(listed, query.columns.length, to, source.span)
  const names = into.map((at) => to.columns[at]!)
  const given = new Set(into.filter((at) => isGiven(eachRow(source.span), at, to, statement.overriding, env)))
  const mismatch = (i: number) => (from: string, type: string) =>
    `column "${names[i]!.name}" is of type ${type} but expression is of type ${from}`
  const rel = retype(
    query,
    names.map((c) => c.data_type),
    'assignment',
    source.span,
    mismatch,
  )
  return project(
    rel,
    to.columns.map((c, at) => (given.has(at) ? column(into.indexOf(at)) : defaultOf(c))),
  )
}

/** Whether a row's value for a column counts; a column that the engine fills has its own. */
function isGiven(
  cell: tree.Expr | undefined,
  at: number,
  to: Target,
  overriding: tree.Insert['overriding'],
  env: Environment,
): cell is tree.Expr {
  if (cell === undefined || cell.kind === 'default') return false
  const filled = filledBy(env.catalog, to.definition.id, at)
  if (filled?.kind === 'identity' && overriding === 'user') return false
  const { name } = to.columns[at]!
  refuseGiven(filled, name, overriding === 'system', cell.span)
  if (filled?.kind === 'identity' && cell.kind === 'null') {
    const message = `null value in column "${name}" of relation "${to.definition.name}" violates not-null constraint`
    fail('NotNullViolation', message, cell.span)
  }
  return true
}

function insertValues(
  values: tree.Values,
  listed: readonly number[],
  to: Target,
  overriding: tree.Insert['overriding'],
  env: Environment,
): Rel {
  if (hasSubquery(values.rows)) return insertValuesOfQueries(values, listed, to, overriding, env)
  const stage = valuesStage(env)
  const rows = values.rows.map((row) => {
    const into = places(listed, row.length, to, row.at(-1)?.span ?? values.span)
    return to.columns.map((c, at): Expr => {
      const cell = into.includes(at) ? row[into.indexOf(at)]! : undefined
      if (!isGiven(cell, at, to, overriding, env)) return defaultOf(c)
      const value = coerce(
        bindExpr(cell, stage),
        c.data_type,
        'assignment',
        (from, type) => `column "${c.name}" is of type ${type} but expression is of type ${from}`,
      )
      return rewrite(value, foldExpr)
    })
  })
  return { op: 'values', types: to.columns.map((c) => c.data_type), rows }
}

/** Rows in which subqueries stand: each is a query of its own. */
function insertValuesOfQueries(
  values: tree.Values,
  listed: readonly number[],
  to: Target,
  overriding: tree.Insert['overriding'],
  env: Environment,
): Rel {
  const inputs = values.rows.map((row) => {
    const into = places(listed, row.length, to, row.at(-1)?.span ?? values.span)
    const harvest = newHarvest([])
    const stage: Stage = { ...valuesStage(env), harvest, subqueries: 'below' }
    const cells = to.columns.map((c, at): Expr => {
      const cell = into.includes(at) ? row[into.indexOf(at)]! : undefined
      if (!isGiven(cell, at, to, overriding, env)) return defaultOf(c)
      return coerce(
        bindExpr(cell, stage),
        c.data_type,
        'assignment',
        (from, type) => `column "${c.name}" is of type ${type} but expression is of type ${from}`,
      )
    })
    const attached = attachAll(oneRow(), harvest.below, resolveBelow)
    return project(
      attached.rel,
      cells.map((cell) => resolveBelow(cell, attached.values)),
    )
  })
  return inputs.length === 1 ? inputs[0]! : { op: 'union_all', inputs }
}

function places(listed: readonly number[], given: number, to: Target, at: tree.Span): number[] {
  const wanted = listed.length > 0 ? [...listed] : to.columns.map((_, i) => i).slice(0, Math.max(given, 1))
  if (given > wanted.length) fail('SyntaxError', 'INSERT has more expressions than target columns', at)
  if (given < wanted.length) fail('SyntaxError', 'INSERT has more target columns than expressions', at)
  return wanted
}

export function compileUpdate(statement: tree.Update, context: CompileContext): Compiled {
  const to = target(statement.table, 'update', context)
  const env = environmentOfWrite(statement, context)
  if (needsQuery(statement)) {
    const { command, scope } = modify(statement, to, env)
    return returning(statement, { kind: 'dml', command, tag: 'UPDATE' }, scope, env)
  }
  const stage = stageOf(to, statement.alias, 'UPDATE', context)
  const command: Command = {
    command: 'update',
    version: PLAN_VERSION,
    relation: to.definition.id,
    assignments: bindAssignments(statement.assignments, to, stage),
    predicate: bindPredicate(statement.where, stage),
    transaction: null,
  }
  return returning(statement, { kind: 'dml', command, tag: 'UPDATE' }, stage.scope, env)
}

export function compileDelete(statement: tree.Delete, context: CompileContext): Compiled {
  const to = target(statement.table, 'delete from', context)
  const env = environmentOfWrite(statement, context)
  if (needsQuery(statement)) {
    const { command, scope } = modify(statement, to, env)
    return returning(statement, { kind: 'dml', command, tag: 'DELETE' }, scope, env)
  }
  const stage = stageOf(to, statement.alias, 'DELETE', context)
  const command: Command = {
    command: 'delete',
    version: PLAN_VERSION,
    relation: to.definition.id,
    predicate: bindPredicate(statement.where, stage),
    transaction: null,
  }
  return returning(statement, { kind: 'dml', command, tag: 'DELETE' }, stage.scope, env)
}

function stageOf(to: Target, alias: tree.Ident | undefined, clause: string, context: CompileContext): Stage {
  const scope = rowScope(to.columns, alias?.name ?? to.definition.name, 0)
  return rowStage(environmentOf(context), scope, clause)
}
