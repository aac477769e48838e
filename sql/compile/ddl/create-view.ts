/** CREATE VIEW and CREATE MATERIALIZED VIEW. */

import type { BoundQuery } from '../../bind/environment.js'
import { fail, unsupported } from '../../bind/fail.js'
import { checkLength, newName } from '../../bind/object-name.js'
import { hasParameters } from '../../bind/parameters.js'
import { bindQuery } from '../../bind/query.js'
import { kindName, qualified } from '../../catalog/catalog.js'
import type { Definition, DefinitionKind, Field } from '../../contract/plan.generated.js'
import type { CreateView } from '../../syntax/tree.js'
import { sameType, typeName } from '../../types/data-type.js'
import { type CompileContext, type DdlCompiled, environmentOf, textOf } from '../context.js'
import { planFlow } from '../flow-plan.js'
import { created } from './create-table.js'
import { whenTaken } from './existing.js'
import { Options } from './options.js'
import { schemaFor } from './schema.js'

export function createView(statement: CreateView, context: CompileContext): DdlCompiled {
  const name = newName(statement.name)
  const tag = statement.materialized ? 'CREATE MATERIALIZED VIEW' : 'CREATE VIEW'
  const before = replacedView(name, statement, context)
  const taken = before === undefined ? whenTaken(name, statement, tag, context) : undefined
  if (taken !== undefined) return taken
  new Options(statement.options, [], statement.materialized ? 'materialized view' : 'view')
  const notices: string[] = []
  const env = environmentOf(context, notices)
  const query = bindQuery(statement.query, env)
  if (hasParameters(context.parameters)) unsupported('a view cannot have parameters', statement.span)
  if (statement.materialized && env.session.momentary)
    unsupported('a materialized view cannot read system relations or settings', statement.span)
  const columns = viewColumns(statement, query)
  const object: DefinitionKind = statement.materialized
    ? { kind: 'materialized_view', columns, query: flowOf(query, statement, context, notices) }
    : { kind: 'view', columns }
  const reads = [...env.reads].sort((a, b) => a - b)
  if (before !== undefined) {
    if (env.reads.has(before.id))
      fail('InvalidTableDefinition', `view "${name}" cannot read itself`, statement.query.span)
    if (before.object.kind === 'materialized_view') {
      // Filled beside the old one, and put in its place by one commit.
      const made = created(name, object, statement, tag, context, notices, reads)
      return { ...made, changes: [{ change: 'drop', id: before.id }, ...made.changes] }
    }
    if (before.object.kind === 'view') checkSameColumns(before.object.columns, columns, statement)
    const definition = { ...before, sql: textOf(context, statement.span), object, depends_on: reads }
    return { kind: 'ddl', changes: [{ change: 'replace', definition }], tag, notices }
  }
  return created(name, object, statement, tag, context, notices, reads)
}

/** The view that OR REPLACE puts another definition in the place of. */
function replacedView(name: string, statement: CreateView, context: CompileContext): Definition | undefined {
  const found = context.catalog.find(qualified(schemaFor(statement.name, context), name))
  const kind = statement.materialized ? 'materialized_view' : 'view'
  if (!statement.orReplace || found?.object.kind !== kind) return undefined
  const [other] = context.catalog.dependents(found.id)
  if (other !== undefined) {
    const what = `${kindName(other.object.kind)} ${other.name}`
    fail(
      'DependentObjectsStillExist',
      `cannot replace ${kindName(kind)} ${name} because other objects depend on it`,
      statement.name.span,
      {
        detail: `${what} depends on ${kindName(kind)} ${name}.`,
        hint: `Drop the ${what} first, and make it again after.`,
      },
    )
  }
  return found
}

/** PostgreSQL's rule: the columns stay, and others may follow. */
function checkSameColumns(before: readonly Field[], after: readonly Field[], statement: CreateView): void {
  const at = statement.query.span
  if (after.length < before.length) fail('InvalidTableDefinition', 'cannot drop columns from view', at)
  for (const [i, { name, data_type }] of before.entries()) {
    const now = after[i]!
    if (now.name !== name) {
      fail('InvalidTableDefinition', `cannot change name of view column "${name}" to "${now.name}"`, at, {
        hint: 'Drop the view and make it again.',
      })
    }
    if (!sameType(now.data_type, data_type)) {
      const types = `from ${typeName(data_type)} to ${typeName(now.data_type)}`
      fail('InvalidTableDefinition', `cannot change data type of view column "${name}" ${types}`, at)
    }
  }
}

export function viewColumns(statement: CreateView, query: BoundQuery): Field[] {
  return namedColumns('CREATE VIEW', statement, query)
}

/** The columns of a query under the names that a statement gives them. */
export function namedColumns(
  what: string,
  statement: Pick<CreateView, 'columns' | 'query' | 'name'>,
  query: BoundQuery,
): Field[] {
  if (statement.columns.length > query.columns.length) {
    fail(
      'SyntaxError',
      `${what} specifies more column names than columns`,
      statement.columns[query.columns.length]!.span,
    )
  }
  const names = query.columns.map((c, i) => statement.columns[i]?.name ?? c.name)
  const twice = names.find((name, i) => names.indexOf(name) !== i)
  if (twice !== undefined) {
    fail('DuplicateColumn', `column "${twice}" specified more than once`, statement.query.span, {
      hint: 'Give the columns names with AS, or list them after the name of the view.',
    })
  }
  for (const name of names) checkLength(name, statement.name.span)
  return query.columns.map((c, i) => ({ name: names[i]!, data_type: c.type, nullable: true }))
}

function flowOf(query: BoundQuery, statement: CreateView, context: CompileContext, notices: string[]) {
  if (query.rel.op === 'sort')
    notices.push('ORDER BY in a materialized view has no effect; put it into the query that reads the view')
  const plan = planFlow(query.rel, context.catalog, 'a materialized view')
  if ('refused' in plan) return unsupported(plan.refused.message, statement.query.span, plan.refused.hint)
  return plan.rel
}
