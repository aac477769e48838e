/** CREATE SINK: a relation's changes to a Kafka topic, keyed. */

import { fail, perhaps, unsupported } from '../../bind/fail.js'
import { newName, objectName } from '../../bind/object-name.js'
import { columnsOf, hasRows, kindName, primaryKeyOf } from '../../catalog/catalog.js'
import type { Definition } from '../../contract/plan.generated.js'
import type { CreateSink } from '../../syntax/tree.js'
import type { CompileContext, DdlCompiled } from '../context.js'
import { columnAt } from './columns.js'
import { checkFormat } from './create-source.js'
import { created } from './create-table.js'
import { whenTaken } from './existing.js'
import { kafkaOptions } from './kafka.js'

export function createSink(statement: CreateSink, context: CompileContext): DdlCompiled {
  const name = newName(statement.name)
  const taken = whenTaken(name, statement, 'CREATE SINK', context)
  if (taken !== undefined) return taken
  if (statement.from === undefined) {
    unsupported(
      'CREATE SINK … AS a query is not supported yet',
      statement.query?.span ?? statement.span,
      'Make a materialized view of the query and use CREATE SINK … FROM it.',
    )
  }
  const from = relation(statement.from, context)
  const { brokers, topic, properties } = kafkaOptions(statement.options, [], 'sink', statement.span)
  checkFormat(statement.format, ['upsert', 'plain'], 'sink')
  const key = keyOf(statement, from)
  return created(
    name,
    { kind: 'sink', from: from.id, key, kafka: { brokers, topic, properties } },
    statement,
    'CREATE SINK',
    context,
    [],
    [from.id],
  )
}

function relation(name: NonNullable<CreateSink['from']>, context: CompileContext): Definition {
  const wanted = objectName(name)
  const found = context.catalog.find(wanted)
  if (found === undefined) {
    fail('UndefinedTable', `relation "${wanted}" does not exist`, name.span, {
      hint: perhaps(context.catalog.didYouMean(wanted, hasRows), 'relation'),
    })
  }
  const { kind } = found.object
  if (kind === 'materialized_view' || kind === 'stream' || kind === 'source') return found
  return fail('WrongObjectType', `cannot make a sink from a ${kindName(kind)}`, name.span, {
    hint: 'A sink is made from a materialized view, a stream or a source.',
  })
}

/** The written key; else one that the plan of the view gives; an upsert without a key would lose rows. */
function keyOf(statement: CreateSink, from: Definition): number[] {
  const columns = columnsOf(from)!
  const written = statement.format?.key ?? []
  if (written.length > 0) {
    const key = written.map((ident) => columnAt(columns, ident, 'named in KEY'))
    const twice = written.find((_, i) => key.indexOf(key[i]!) !== i)
    if (twice !== undefined) fail('DuplicateColumn', `column "${twice.name}" appears twice in KEY`, twice.span)
    return key
  }
  const derived = primaryKeyOf(from) ?? groupKey(from)
  if (derived !== undefined) return [...derived]
  if (statement.format?.format === 'plain') return []
  return fail(
    'InvalidTableDefinition',
    `sink "${statement.name.parts.at(-1)!.name}" needs a key`,
    statement.format?.span ?? statement.name.span,
    {
      hint: `Write FORMAT UPSERT ENCODE JSON KEY (column, …), with columns that identify a row of "${from.name}".`,
    },
  )
}

/** The group columns of a view that is an aggregate, perhaps under a filter. */
function groupKey(from: Definition): number[] | undefined {
  if (from.object.kind !== 'materialized_view') return undefined
  let rel = from.object.query
  while (rel.op === 'filter') rel = rel.input
  if (rel.op === 'project' && rel.input.op === 'aggregate') {
    const { exprs, input } = rel
    const places = input.group.map((_, key) => exprs.findIndex((expr) => expr.op === 'column' && expr.index === key))
    return places.length > 0 && !places.includes(-1) ? places : undefined
  }
  return rel.op === 'aggregate' && rel.group.length > 0 ? rel.group.map((_, i) => i) : undefined
}
