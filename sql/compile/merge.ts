/** MERGE: source and target joined by the condition, and for each row the first clause that applies. */

import type { Environment } from '../bind/environment.js'
import { fail, unsupported } from '../bind/fail.js'
import { bindQuery } from '../bind/query.js'
import { retype } from '../bind/retype.js'
import type { CaseBranch, DataType, Expr } from '../contract/plan.generated.js'
import { column, constant } from '../logical/expr.js'
import { filter, project } from '../logical/rel.js'
import type * as tree from '../syntax/tree.js'
import { BOOLEAN, INTEGER } from '../types/data-type.js'
import { nullOf } from '../types/literal.js'
import { type CompileContext, type Compiled, environmentOfWrite } from './context.js'
import { columnAt } from './ddl/columns.js'
import { filledBy, refuseAssigned, refuseGiven } from './ddl/filled-columns.js'
import { ACTION, modifyCommand, oneColumn } from './modify.js'
import { defaultOf } from './row-expressions.js'
import { type Target, target } from './target.js'

/** Columns of the joined rows that no statement can name: true wherever there is a row of the target, or of the source. */
const THERE = '?there?'
const GIVEN = '?given?'

export function compileMerge(statement: tree.Merge, context: CompileContext): Compiled {
  const { table, clauses, span } = statement
  const to = target(table, 'merge into', context)
  const alias = statement.alias ?? table.parts.at(-1)!
  const env = environmentOfWrite(statement, context)
  checkReach(clauses)
  for (const clause of clauses) if (clause.when === 'not_matched') checkNames(clause, alias.name)
  const source = markedSource(statement)
  const conditions = clauses.map((clause) => condition(clause, columnOf(alias, THERE), source.given))
  refuseFilled(clauses, to, env)
  const values = clauses.flatMap((clause, i) =>
    assigned(clause, to).flatMap(({ at, value }) =>
      value.kind === 'default' ? [] : [{ clause: i, at, value: guarded(value, conditions, i) }],
    ),
  )
  const chosen: tree.Expr = {
    kind: 'case',
    branches: conditions.map((when, i) => branch(when, number(i, when.span))),
    span,
  }
  const star: tree.Star = {
    kind: 'star',
    qualifier: { kind: 'name', parts: [alias], span: alias.span },
    exclude: [ident(THERE, span)],
    replace: [],
    span,
  }
  const joined: tree.Join = {
    kind: 'join',
    join: joinFor(clauses),
    natural: false,
    left: source.ref,
    right: marked({ kind: 'table_name', name: table, span: table.span }, alias, THERE),
    on: statement.condition,
    span,
  }
  const bound = bindQuery(query(select([star, item(chosen), ...values.map(({ value }) => item(value))], joined)), env)
  const width = to.columns.length
  const types: DataType[] = [
    ...to.columns.map(({ data_type }) => data_type),
    INTEGER,
    ...values.map(({ at }) => to.columns[at]!.data_type),
  ]
  const rel = retype(bound, types, 'assignment', span, (i) => mismatch(to, values[i - width - 1]?.at ?? 0))
  const clause = column(width)
  const fresh = to.columns.map((definition, at): Expr => {
    const branches = clauses.flatMap(({ action }, i) => {
      if (action.do !== 'update' && action.do !== 'insert') return []
      const given = values.findIndex((one) => one.clause === i && one.at === at)
      const named = assigned(clauses[i]!, to).some((one) => one.at === at)
      const kept = action.do === 'update' && !named ? column(at) : defaultOf(definition)
      return [arm(clause, i, given === -1 ? kept : column(width + 1 + given))]
    })
    return choice(branches, definition.data_type)
  })
  const actions = clauses.flatMap(({ action }, i) =>
    action.do === 'nothing' ? [] : [arm(clause, i, literal(ACTION[action.do]))],
  )
  const acts = filter(rel, {
    op: 'in_list',
    input: clause,
    list: clauses.flatMap(({ action }, i) => (action.do === 'nothing' ? [] : [literal(i)])),
    negated: false,
  })
  const rows = project(acts, [choice(actions, INTEGER), ...to.columns.map((_, at) => column(at)), ...fresh])
  return { kind: 'dml', command: modifyCommand(to, rows, true, env), tag: 'MERGE' }
}

function words(when: tree.MergeClause['when']): string {
  return when.replaceAll('_', ' ').toUpperCase()
}

/** There is no row of the target that WHEN NOT MATCHED could read. */
function checkNames(node: unknown, table: string): void {
  if (Array.isArray(node)) for (const part of node) checkNames(part, table)
  if (typeof node !== 'object' || node === null || Array.isArray(node)) return
  const { kind, parts, span } = node as Partial<tree.ColumnRef>
  if (kind === 'column' && parts !== undefined && parts.length > 1 && parts[0]!.name === table) {
    fail('UndefinedTable', `invalid reference to FROM-clause entry for table "${table}"`, span!, {
      hint: `There is an entry for table "${table}", but it cannot be referenced from this part of the query.`,
    })
  }
  for (const part of Object.values(node)) checkNames(part, table)
}

/** A clause after one of its kind without a condition would never apply. */
function checkReach(clauses: readonly tree.MergeClause[]): void {
  const ended = new Set<tree.MergeClause['when']>()
  for (const { when, where, action, span } of clauses) {
    if (action.do !== 'nothing' && (action.do === 'insert') !== (when === 'not_matched'))
      fail('SyntaxError', `WHEN ${words(when)} cannot ${action.do.toUpperCase()}`, span, {
        hint: 'Rows that are there are updated or deleted; for those that are not, rows are inserted.',
      })
    if (ended.has(when)) fail('SyntaxError', 'unreachable WHEN clause specified after unconditional WHEN clause', span)
    if (where === undefined) ended.add(when)
  }
}

function choice(branches: readonly CaseBranch[], type: DataType): Expr {
  const none = constant(nullOf(type))
  return branches.length === 0 ? none : { op: 'case', branches: [...branches], otherwise: none, data_type: type }
}

interface Marked {
  readonly ref: tree.TableRef
  /** Absent where the join has a row of the source in every row. */
  readonly given: tree.Expr | undefined
}

function markedSource({ source, clauses }: tree.Merge): Marked {
  if (!clauses.some(({ when }) => when === 'not_matched_by_source')) return { ref: source, given: undefined }
  const alias = source.kind === 'join' ? undefined : source.alias
  const name = alias?.name ?? (source.kind === 'table_name' ? source.name.parts.at(-1) : undefined)
  if (name === undefined) {
    return unsupported('WHEN NOT MATCHED BY SOURCE needs a source with a name', source.span, 'Give it an alias.')
  }
  return { ref: marked(source, name, GIVEN), given: columnOf(name, GIVEN) }
}

/** The rows of a relation with a further column that is true. */
function marked(ref: tree.TableRef, name: tree.Ident, mark: string): tree.TableRef {
  const { span } = ref
  const items: tree.SelectItem[] = [
    { kind: 'star', exclude: [], replace: [], span },
    item({ kind: 'boolean', value: true, span }, mark),
  ]
  const alias: tree.TableAlias = { kind: 'table_alias', name, columns: [], span }
  return { kind: 'derived_table', query: query(select(items, ref)), lateral: false, alias, span }
}

function joinFor(clauses: readonly tree.MergeClause[]): tree.Join['join'] {
  const has = (when: tree.MergeClause['when']) => clauses.some((clause) => clause.when === when)
  if (has('not_matched')) return has('not_matched_by_source') ? 'full' : 'left'
  return has('not_matched_by_source') ? 'right' : 'inner'
}

/** When a clause applies, were it alone. */
function condition(clause: tree.MergeClause, there: tree.Expr, given: tree.Expr | undefined): tree.Expr {
  const { when, where, span } = clause
  const present = (operand: tree.Expr, negated: boolean): tree.Expr => ({
    kind: 'is_test',
    operand,
    test: 'null',
    negated,
    span,
  })
  const tests: tree.Expr[] = [present(there, when !== 'not_matched')]
  if (given !== undefined && when !== 'not_matched') tests.push(present(given, when === 'matched'))
  if (where !== undefined) tests.push(where)
  return tests.reduce(
    (left, right): tree.Expr => ({ kind: 'binary', operator: 'and', left, right, operatorSpan: span, span }),
  )
}

function refuseFilled(clauses: readonly tree.MergeClause[], to: Target, env: Environment): void {
  for (const clause of clauses) {
    for (const { at, value } of assigned(clause, to)) {
      const filled = filledBy(env.catalog, to.definition.id, at)
      const { name } = to.columns[at]!
      if (value.kind === 'default') continue
      if (clause.action.do === 'insert') refuseGiven(filled, name, false, value.span)
      else refuseAssigned(filled, { kind: 'assignment', column: ident(name, value.span), value, span: value.span })
    }
  }
}

interface Assigned {
  readonly at: number
  readonly value: tree.Expr
}

function assigned({ action, span }: tree.MergeClause, to: Target): readonly Assigned[] {
  const what = `of relation "${to.definition.name}"`
  if (action.do === 'update') {
    const into = action.assignments.map(({ column: name }) => columnAt(to.columns, name, what))
    const twice = action.assignments.find((_, i) => into.indexOf(into[i]!) !== i)
    if (twice !== undefined)
      fail('SyntaxError', `multiple assignments to same column "${twice.column.name}"`, twice.span)
    return action.assignments.map((one, i) => ({ at: into[i]!, value: oneColumn(one) ?? one.value }))
  }
  if (action.do !== 'insert') return []
  const { columns, values } = action
  const listed = columns.map((name) => columnAt(to.columns, name, what))
  const twice = columns.find((_, i) => listed.indexOf(listed[i]!) !== i)
  if (twice !== undefined) fail('DuplicateColumn', `column "${twice.name}" specified more than once`, twice.span)
  const into = columns.length > 0 ? listed : to.columns.map((_, i) => i)
  if (values.length > into.length) fail('SyntaxError', 'INSERT has more expressions than target columns', span)
  if (values.length > 0 && values.length < columns.length)
    fail('SyntaxError', 'INSERT has more target columns than expressions', span)
  return values.map((value, i) => ({ at: into[i]!, value }))
}

function mismatch(to: Target, at: number): (from: string, type: string) => string {
  return (from, type) => `column "${to.columns[at]!.name}" is of type ${type} but expression is of type ${from}`
}

/** A value for the rows of its clause; a constant cannot fail, and keeps the type that a string may take. */
function guarded(value: tree.Expr, conditions: readonly tree.Expr[], clause: number): tree.Expr {
  const { span } = value
  if (value.kind === 'string' || value.kind === 'number' || value.kind === 'null' || value.kind === 'parameter') {
    return value
  }
  const earlier = conditions.slice(0, clause).map((when) => branch(when, { kind: 'null', span }))
  return { kind: 'case', branches: [...earlier, branch(conditions[clause]!, value)], span }
}

function branch(when: tree.Expr, value: tree.Expr): tree.CaseBranch {
  // biome-ignore lint/suspicious/noThenProperty: a CASE branch has a THEN
  return { kind: 'case_branch', when, then: value, span: when.span }
}

function number(value: number, span: tree.Span): tree.Expr {
  return { kind: 'number', text: String(value), span }
}

function literal(value: number): Expr {
  return constant({ type: 'integer', value })
}

/** The value for rows of a clause. */
function arm(chosen: Expr, clause: number, value: Expr): CaseBranch {
  // biome-ignore lint/suspicious/noThenProperty: the contract's name for a branch's value
  return { when: equals(chosen, clause), then: value }
}

function equals(action: Expr, clause: number): Expr {
  return { op: 'binary', operator: 'equal', left: action, right: literal(clause), data_type: BOOLEAN }
}

function ident(name: string, span: tree.Span): tree.Ident {
  return { kind: 'ident', name, span }
}

function item(expr: tree.Expr, name?: string): tree.SelectExpr {
  const { span } = expr
  return { kind: 'select_expr', expr, ...(name !== undefined && { alias: ident(name, span) }), span }
}

function columnOf(table: tree.Ident, name: string): tree.Expr {
  const { span } = table
  return { kind: 'column', parts: [table, ident(name, span)], span }
}

function select(items: readonly tree.SelectItem[], from: tree.TableRef): tree.Select {
  return { kind: 'select', distinct: false, distinctOn: [], items, from: [from], windows: [], span: from.span }
}

function query(body: tree.Select): tree.Query {
  return { kind: 'query', body, orderBy: [], span: body.span }
}
