/** Constructs that are written as SQL over others: a text with `$1`, `$2` for the written arguments, as a tree in their place. */
import { parseScript } from '../syntax/script.js'
import type * as tree from '../syntax/tree.js'

const known = new Map<string, tree.Select>()

function parsed(select: string): tree.Select {
  let body = known.get(select)
  if (body === undefined) {
    const statement = parseScript(select).statements[0]?.tree
    if (statement?.kind !== 'query' || statement.body.kind !== 'select') throw new Error(`no query: ${select}`)
    body = statement.body
    known.set(select, body)
  }
  return body
}

/** The tree with the arguments in their places; errors point at `span`. */
function placed<T>(node: T, args: readonly tree.Expr[], span: tree.Span, source?: tree.TableRef): T {
  const place = (inner: unknown): unknown => {
    if (typeof inner !== 'object' || inner === null) return inner
    if (Array.isArray(inner)) return inner.map(place)
    const { kind, index } = inner as { kind?: string; index?: number }
    if (kind === 'parameter') return args[index! - 1]
    if (kind === 'table_name' && source !== undefined)
      return { ...source, ...(place(aliasOf(inner as tree.TableName)) as object) }
    return Object.fromEntries(
      Object.entries(inner).map(([key, value]) => [key, /[sS]pan$/.test(key) ? span : place(value)]),
    )
  }
  return place(node) as T
}

/** An expression. */
export function expressionOf(form: string, args: readonly tree.Expr[], span: tree.Span): tree.Expr {
  const item = parsed(`SELECT ${form}`).items[0]
  if (item?.kind !== 'select_expr') throw new Error(`no expression: ${form}`)
  return placed(item.expr, args, span)
}

/** An item of FROM. */
export function tableOf(form: string, args: readonly tree.Expr[], span: tree.Span): tree.TableRef {
  const from = parsed(`SELECT 1 FROM ${form}`).from[0]
  if (from === undefined) throw new Error(`no table: ${form}`)
  return placed(from, args, span)
}

/** An item of FROM over a written one, which stands where the text has a table. */
export function tableOver(
  form: string,
  source: tree.TableRef,
  args: readonly tree.Expr[],
  span: tree.Span,
): tree.TableRef {
  const from = parsed(`SELECT 1 FROM ${form}`).from[0]
  if (from === undefined) throw new Error(`no table: ${form}`)
  return placed(from, args, span, source)
}

function aliasOf({ alias }: tree.TableName): { alias?: tree.TableAlias } {
  return alias === undefined ? {} : { alias }
}
