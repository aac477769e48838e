/** What a caller asks of a statement: to run it, to explain it, or to follow its rows. */
import type { DataType, Statement } from '../../../sql/index.js'

export type Form =
  | { readonly as: 'run' }
  | { readonly as: 'explain' }
  | { readonly as: 'subscribe'; readonly snapshot: boolean | undefined }
  /** To run it later, with values of these types where the client knows them. */
  | { readonly as: 'prepare'; readonly declared: readonly (DataType | undefined)[] }

export const RUN: Form = { as: 'run' }
export const EXPLAIN: Form = { as: 'explain' }

export function shaped(statement: Statement, form: Form): Statement {
  switch (form.as) {
    case 'run':
    case 'prepare':
      return statement
    case 'explain':
      if (statement.kind === 'explain') return statement
      return { kind: 'explain', analyze: false, options: [], statement, span: statement.span }
    case 'subscribe':
      return asSubscribe(statement, form.snapshot)
    default:
      return form satisfies never
  }
}

/** A query is subscribed to as SUBSCRIBE TO (query) would; `snapshot` goes before what the text says. */
function asSubscribe(statement: Statement, snapshot: boolean | undefined): Statement {
  if (statement.kind === 'subscribe') return { ...statement, snapshot: snapshot ?? statement.snapshot }
  if (statement.kind !== 'query') return statement
  return { kind: 'subscribe', query: statement, snapshot: snapshot ?? false, span: statement.span }
}
