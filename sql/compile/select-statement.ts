/** Statements that give rows: queries, subscriptions and VERIFY. */

import type { OutputColumn } from '../bind/environment.js'
import { fail, perhaps, unsupported } from '../bind/fail.js'
import { objectName } from '../bind/object-name.js'
import { bindQuery } from '../bind/query.js'
import { hasRows, kindName } from '../catalog/catalog.js'
import type { Field, Rel } from '../contract/plan.generated.js'
import { PLAN_VERSION } from '../contract/plan.generated.js'
import { column, compare, constant } from '../logical/expr.js'
import { aggregate, filter, project, scan } from '../logical/rel.js'
import type * as tree from '../syntax/tree.js'
import { BIGINT } from '../types/data-type.js'
import { type CompileContext, type Compiled, environmentOf } from './context.js'
import { planFlow } from './flow-plan.js'
import { planQuery } from './query-plan.js'

export function compileQuery(query: tree.Query, context: CompileContext): Compiled {
  const bound = bindQuery(query, environmentOf(context))
  const { rel } = planQuery(bound.rel, context.catalog)
  return {
    kind: 'query',
    command: { command: 'query', version: PLAN_VERSION, root: rel, names: names(bound.columns), transaction: null },
    fields: fieldsOf(bound.columns),
  }
}

export function compileSubscribe(statement: tree.Subscribe, context: CompileContext): Compiled {
  const { asOf } = statement.query
  if (asOf !== undefined) {
    unsupported(
      'SUBSCRIBE … AS OF is not supported yet',
      asOf.span,
      'A subscription begins now; WITH SNAPSHOT gives the rows of now first.',
    )
  }
  const bound = bindQuery(statement.query, environmentOf(context))
  const plan = planFlow(bound.rel, context.catalog, 'a subscription')
  if ('refused' in plan) return unsupported(plan.refused.message, statement.query.span, plan.refused.hint)
  const command = {
    command: 'subscribe' as const,
    version: PLAN_VERSION,
    root: plan.rel,
    names: names(bound.columns),
    snapshot: statement.snapshot,
  }
  return { kind: 'subscribe', command, fields: fieldsOf(bound.columns) }
}

/** VERIFY: the rows in which a view and its query differ; `weight` is +n for rows that only the view has, −n for rows that only the
 *  query has. One plan, so both are read at one epoch. */
export function compileVerify(statement: tree.Verify, context: CompileContext): Compiled {
  const name = objectName(statement.name)
  const view = context.catalog.find(name)
  if (view === undefined) {
    const near = context.catalog.didYouMean(name, (d) => d.object.kind === 'materialized_view')
    fail('UndefinedTable', `materialized view "${name}" does not exist`, statement.name.span, {
      hint: perhaps(near, 'materialized view'),
    })
  }
  const { object } = view
  if (object.kind !== 'materialized_view') {
    fail('WrongObjectType', `"${name}" is not a materialized view`, statement.name.span, {
      hint: hasRows(view) ? `It is a ${kindName(object.kind)}.` : undefined,
    })
  }
  const width = object.columns.length
  const all = object.columns.map((_, i) => column(i))
  const marked = (input: Rel, weight: number) => project(input, [...all, constant({ type: 'integer', value: weight })])
  const both: Rel = {
    op: 'union_all',
    inputs: [
      marked(
        scan(
          view.id,
          object.columns.map((_, i) => i),
        ),
        1,
      ),
      marked(object.query, -1),
    ],
  }
  const summed = aggregate(both, all, [
    { function: 'sum', arg: column(width), distinct: false, filter: null, data_type: BIGINT },
  ])
  const differing = filter(summed, compare('not_equal', column(width), constant({ type: 'bigint', value: 0n })))
  const columns: OutputColumn[] = [
    ...object.columns.map((c) => ({ name: c.name, type: c.data_type, unknown: false })),
    { name: 'weight', type: BIGINT, unknown: false },
  ]
  // Not rewritten: a rule that is wrong must not hide what it did to the view.
  return {
    kind: 'query',
    command: { command: 'query', version: PLAN_VERSION, root: differing, names: names(columns), transaction: null },
    fields: fieldsOf(columns),
  }
}

function names(columns: readonly OutputColumn[]): string[] {
  return columns.map((c) => c.name)
}

export function fieldsOf(columns: readonly OutputColumn[]): Field[] {
  return columns.map((c) => ({ name: c.name, data_type: c.type, nullable: true }))
}
