/**
 * Whose an AS OF is that ends a query: `SELECT * FROM a, b AS OF EPOCH 5` means all that the query reads, although the words
 * stand right after one FROM item. There they are parsed, and from there they are lifted to the query.
 */
import type { AsOf, Query, QueryBody, Span, TableRef } from '../tree.js'

type Lifted<T> = { readonly node: T; readonly asOf: AsOf } | undefined

export function liftAsOf(query: Query): Query {
  const { body, span } = query
  const lifted = fromBody(body, span)
  return lifted === undefined ? query : { ...query, body: lifted.node, asOf: lifted.asOf }
}

function fromBody(body: QueryBody, whole: Span): Lifted<QueryBody> {
  if (body.kind === 'set_operation') {
    const lifted = fromBody(body.right, whole)
    if (lifted === undefined) return undefined
    const { node, asOf } = lifted
    return { node: { ...body, right: node, span: { start: body.span.start, end: node.span.end } }, asOf }
  }
  if (body.kind !== 'select') return undefined
  const lifted = fromRef(body.from.at(-1), whole)
  if (lifted === undefined) return undefined
  const { node, asOf } = lifted
  const span = { start: body.span.start, end: node.span.end }
  return { node: { ...body, from: [...body.from.slice(0, -1), node], span }, asOf }
}

function fromRef(ref: TableRef | undefined, whole: Span): Lifted<TableRef> {
  if (ref?.kind === 'join') {
    const lifted = fromRef(ref.right, whole)
    if (lifted === undefined) return undefined
    const { node, asOf } = lifted
    return { node: { ...ref, right: node, span: { start: ref.span.start, end: node.span.end } }, asOf }
  }
  // A ")" between them has a FROM item keep it.
  if (ref?.kind !== 'table_name' || ref.asOf?.span.end !== whole.end) return undefined
  const { asOf, ...rest } = ref
  return { node: { ...rest, span: { start: ref.span.start, end: ref.alias?.span.end ?? ref.name.span.end } }, asOf }
}
