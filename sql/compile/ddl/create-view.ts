/** CREATE VIEW and CREATE MATERIALIZED VIEW. */

import type { BoundQuery } from '../../bind/environment.js'
import { fail, unsupported } from '../../bind/fail.js'
import { checkLength, newName } from '../../bind/object-name.js'
import { hasParameters } from '../../bind/parameters.js'
import { bindQuery } from '../../bind/query.js'
import type { DefinitionKind, Field } from '../../contract/plan.generated.js'
import type { CreateView } from '../../syntax/tree.js'
import { type CompileContext, type DdlCompiled, environmentOf } from '../context.js'
import { planFlow } from '../flow-plan.js'
import { created } from './create-table.js'
import { whenTaken } from './existing.js'
import { Options } from './options.js'

export function createView(statement: CreateView, context: CompileContext): DdlCompiled {
  const name = newName(statement.name)
  const tag = statement.materialized ? 'CREATE MATERIALIZED VIEW' : 'CREATE VIEW'
  const taken = whenTaken(name, statement, tag, context)
  if (taken !== undefined) return taken
  new Options(statement.options, [], statement.materialized ? 'materialized view' : 'view')
  const notices: string[] = []
  const env = environmentOf(context, notices)
  const query = bindQuery(statement.query, env)
  if (hasParameters(context.parameters)) unsupported('a view cannot have parameters', statement.span)
  const columns = viewColumns(statement, query)
  const object: DefinitionKind = statement.materialized
    ? { kind: 'materialized_view', columns, query: flowOf(query, statement, context, notices) }
    : { kind: 'view', columns }
  return created(
    name,
    object,
    statement,
    tag,
    context,
    notices,
    [...env.reads].sort((a, b) => a - b),
  )
}

export function viewColumns(statement: CreateView, query: BoundQuery): Field[] {
  if (statement.columns.length > query.columns.length) {
    fail(
      'SyntaxError',
      'CREATE VIEW specifies more column names than columns',
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
