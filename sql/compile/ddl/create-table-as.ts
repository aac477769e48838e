/** CREATE TABLE … AS: a table with the columns and the rows of a query, made in one commit. */

import { unsupported } from '../../bind/fail.js'
import { newName } from '../../bind/object-name.js'
import { bindQuery } from '../../bind/query.js'
import type { CreateTableAs } from '../../syntax/tree.js'
import { type CompileContext, type DdlCompiled, environmentOf } from '../context.js'
import { planQuery } from '../query-plan.js'
import { created } from './create-table.js'
import { namedColumns } from './create-view.js'
import { whenTaken } from './existing.js'
import { definedOptions, readOptions } from './relation-options.js'

export function createTableAs(statement: CreateTableAs, context: CompileContext): DdlCompiled {
  const name = newName(statement.name)
  const taken = whenTaken(name, statement, 'CREATE TABLE AS', context)
  if (taken !== undefined) return taken
  if (statement.orReplace) unsupported('CREATE OR REPLACE TABLE is not supported', statement.span, 'Drop it first.')
  const notices: string[] = []
  const query = bindQuery(statement.query, environmentOf(context, notices))
  const fields = namedColumns('CREATE TABLE AS', statement, query)
  const columns = fields.map(({ name: column, data_type }) => ({
    name: column,
    data_type,
    nullable: true,
    default: null,
  }))
  const options = definedOptions(readOptions(statement.options, 'table', columns))
  const object = { kind: 'table' as const, columns, primary_key: [], options }
  const made = created(name, object, statement, 'CREATE TABLE AS', context, notices)
  const [first] = made.changes
  if (!statement.data || first?.change !== 'create') return made
  const source = planQuery(query.rel, context.catalog).rel
  return { ...made, changes: [first, { change: 'fill', relation: first.definition.id, source }], counted: 'SELECT' }
}
