/** EXPLAIN: the plan of a statement as text, one line a row; for a view also what state each operator keeps. */

import { unsupported } from '../../bind/fail.js'
import { bindQuery } from '../../bind/query.js'
import type { Assignment, ConflictAction, Definition } from '../../contract/plan.generated.js'
import { stateOf } from '../../incremental/state.js'
import { printExpr, printRel } from '../../logical/print.js'
import type { CreateView, Explain, Query } from '../../syntax/tree.js'
import { type CompileContext, type Compiled, environmentOf, textFields } from '../context.js'
import { viewColumns } from '../ddl/create-view.js'
import { Options } from '../ddl/options.js'
import { planFlow } from '../flow-plan.js'
import { planQuery } from '../query-plan.js'
import { scanNote } from './scan-note.js'

/** `again` compiles the statements whose plans are in their commands. */
export function explain(
  statement: Explain,
  context: CompileContext,
  again: (statement: Explain['statement'], context: CompileContext) => Compiled,
): Compiled {
  if (statement.analyze) unsupported('EXPLAIN ANALYZE is not supported yet', statement.span)
  const options = new Options(statement.options, ['trace'], 'EXPLAIN')
  const trace = options.get('trace') !== undefined && !/^(false|off|0|no)$/i.test(options.get('trace')!.value)
  const lines = linesOf(statement.statement, { ...context, nextId: () => 0 }, again, trace)
  return { kind: 'rows', fields: textFields('QUERY PLAN'), rows: lines.map((line) => [line]), tag: 'EXPLAIN' }
}

function linesOf(
  statement: Explain['statement'],
  context: CompileContext,
  again: (statement: Explain['statement'], context: CompileContext) => Compiled,
  trace: boolean,
): string[] {
  switch (statement.kind) {
    case 'query':
      return explainQuery(statement, context, trace)
    case 'create_view':
      return explainView(statement, context, trace)
    case 'subscribe':
      return explainQuery(statement.query, context, trace)
    case 'insert':
    case 'update':
    case 'delete':
    case 'merge':
      return explainWrite(again(statement, context), context)
    default:
      return unsupported(
        `EXPLAIN of this statement is not supported`,
        statement.span,
        'It explains queries, views, INSERT, UPDATE and DELETE.',
      )
  }
}

function explainQuery(query: Query, context: CompileContext, trace: boolean): string[] {
  const bound = bindQuery(query, environmentOf(context))
  const { rel, fired } = planQuery(bound.rel, context.catalog)
  return [
    ...printRel(
      rel,
      context.catalog,
      bound.columns.map((c) => c.name),
      (node) => scanNote(node, context.catalog),
    ),
    ...(trace ? traced(fired) : []),
  ]
}

function explainView(statement: CreateView, context: CompileContext, trace: boolean): string[] {
  if (!statement.materialized) return explainQuery(statement.query, context, trace)
  const bound = bindQuery(statement.query, environmentOf(context))
  const names = viewColumns(statement, bound).map((field) => field.name)
  const plan = planFlow(bound.rel, context.catalog, 'a materialized view')
  if ('refused' in plan) return unsupported(plan.refused.message, statement.query.span, plan.refused.hint)
  const lines = printRel(plan.rel, context.catalog, names, (rel) => stateOf(rel, context.catalog))
  return [...lines, ...(trace ? traced(plan.fired) : [])]
}

function explainWrite(compiled: Compiled, context: CompileContext): string[] {
  const { catalog } = context
  if (compiled.kind !== 'dml') return []
  const { command } = compiled
  switch (command.command) {
    case 'insert': {
      const to = catalog.byId(command.relation)
      const how = printConflict(command.on_conflict, to)
      return [`insert into ${to?.name ?? '?'}${how}`, ...printRel(command.source, catalog).map((line) => `  ${line}`)]
    }
    case 'update':
    case 'delete': {
      const to = catalog.byId(command.relation)
      const columns = to?.object.kind === 'table' ? to.object.columns.map((c) => c.name) : []
      const where = command.predicate === null ? '' : ` where ${printExpr(command.predicate, columns)}`
      const set = command.command === 'update' ? ` set ${printAssignments(command.assignments, columns, columns)}` : ''
      return [`${command.command === 'delete' ? 'delete from' : 'update'} ${to?.name ?? '?'}${set}${where}`]
    }
    case 'modify': {
      const to = catalog.byId(command.relation)
      return [`modify ${to?.name ?? '?'}`, ...printRel(command.source, catalog).map((line) => `  ${line}`)]
    }
    case 'returning':
      return explainWrite({ ...compiled, command: command.write }, context)
    default:
      return []
  }
}

function printConflict(conflict: ConflictAction, to: Definition | undefined): string {
  if (conflict.action === 'error') return ''
  if (conflict.action !== 'update') return ` on conflict ${conflict.action.replace('_', ' ')}`
  const columns = to?.object.kind === 'table' ? to.object.columns.map((c) => c.name) : []
  const both = [...columns, ...columns.map((name) => `excluded.${name}`)]
  const where = conflict.predicate === null ? '' : ` where ${printExpr(conflict.predicate, both)}`
  return ` on conflict do update set ${printAssignments(conflict.assignments, columns, both)}${where}`
}

function printAssignments(list: readonly Assignment[], columns: readonly string[], over: readonly string[]): string {
  return list.map((a) => `${columns[a.column]} = ${printExpr(a.value, over)}`).join(', ')
}

function traced(fired: readonly string[]): string[] {
  return ['', 'rules:', ...fired.map((name) => `  ${name}`)]
}
