/** Functions of the system schemas that return sets, as PostgreSQL's clients call them: written as SQL over others. */
import type * as tree from '../syntax/tree.js'
import { isSystemSchema } from '../system/index.js'
import { objectName } from './object-name.js'
import { expressionOf, tableOf } from './template.js'

/** A function's name without the system schema that it may be written with. */
export function functionName(name: tree.Name): string {
  const [schema, second] = name.parts
  return second !== undefined && isSystemSchema(schema!.name) ? second.name : objectName(name)
}

/** The elements of a key's array of column numbers beside their places: what drivers number the columns of a key with. */
const EXPANDED =
  'unnest((SELECT array_agg(CAST(ROW("$e"."x", "$e"."n") AS ROW(x integer, n integer)) ORDER BY "$e"."n") FROM unnest($1) WITH ORDINALITY AS "$e" ("x", "n")))'

/** The call that this one stands for, or the call itself. */
export function withoutSystemSet<C extends Pick<tree.Call, 'name' | 'args'>>(call: C, span: tree.Span): C {
  if (functionName(call.name) !== '_pg_expandarray' || call.args.length !== 1) return call
  const form = expressionOf(EXPANDED, call.args, span)
  if (form.kind !== 'call') throw new Error('no call')
  return { ...call, name: form.name, args: form.args }
}

/** No relation has partitions. */
export function partitionAncestors(ref: tree.TableFunction): tree.TableRef | undefined {
  if (functionName(ref.name) !== 'pg_partition_ancestors' || ref.args.length !== 1) return undefined
  const none = tableOf(
    '(SELECT CAST(NULL AS bigint) AS relid, CAST(0 AS bigint) AS ordinality WHERE false) AS "$s"',
    [],
    ref.span,
  )
  if (none.kind !== 'derived_table') throw new Error('no derived table')
  const name = ref.alias?.name ?? { kind: 'ident', name: 'pg_partition_ancestors', span: ref.span }
  const columns = ref.alias?.columns ?? []
  return { ...none, alias: { kind: 'table_alias', name, columns, span: ref.span } }
}
