/** ON CONFLICT: what becomes of the row that is there, in expressions over that row followed by the new one (`excluded`). */

import { fail } from '../bind/fail.js'
import type { Assignment, ColumnDef, ConflictAction, Definition } from '../contract/plan.generated.js'
import type * as tree from '../syntax/tree.js'
import { type CompileContext, environmentOf } from './context.js'
import { columnAt } from './ddl/columns.js'
import { bindAssignments, bindPredicate, rowScope, rowStage } from './row-expressions.js'

interface Keyed {
  readonly definition: Definition
  readonly columns: readonly ColumnDef[]
  readonly primaryKey: readonly number[]
}

export function bindConflict(clause: tree.OnConflict | undefined, to: Keyed, context: CompileContext): ConflictAction {
  if (clause === undefined) return { action: 'error' }
  const { name } = to.definition
  checkTarget(clause, to)
  if (clause.action === 'do_nothing') return { action: 'do_nothing' }
  if (clause.columns.length === 0) {
    fail('SyntaxError', 'ON CONFLICT DO UPDATE requires the columns of the primary key', clause.span, {
      hint: `For example, ON CONFLICT (${keyNames(to)}) DO UPDATE SET column = excluded.column.`,
    })
  }
  const env = environmentOf(context)
  const [mine, theirs] = [rowScope(to.columns, name, 0), rowScope(to.columns, 'excluded', to.columns.length)]
  // As in PostgreSQL a bare name is ambiguous: whether the old or the new value is meant must be said.
  const scope = { tables: [name, 'excluded'], columns: [...mine.columns, ...theirs.columns] }
  const stage = rowStage(env, scope, 'ON CONFLICT DO UPDATE')
  const assignments: Assignment[] = bindAssignments(clause.assignments, to, stage)
  return { action: 'update', assignments, predicate: bindPredicate(clause.where, stage) }
}

/** The target, where one is named, must be the primary key: there are no other unique constraints. */
function checkTarget(clause: tree.OnConflict, to: Keyed): void {
  const named = clause.columns.map((ident) => columnAt(to.columns, ident, 'named in ON CONFLICT'))
  if (to.primaryKey.length === 0) {
    // Without a target, DO NOTHING has nothing to do: as in PostgreSQL on a table without constraints.
    if (named.length === 0 && clause.action === 'do_nothing') return
    fail('InvalidColumnReference', MISMATCH, clause.span, {
      hint: `"${to.definition.name}" has no primary key, so no row conflicts with another.`,
    })
  }
  if (named.length === 0) return
  const distinct = new Set(named)
  if (distinct.size === to.primaryKey.length && to.primaryKey.every((at) => distinct.has(at))) return
  fail('InvalidColumnReference', MISMATCH, clause.span, { hint: `The primary key is (${keyNames(to)}).` })
}

const MISMATCH = 'there is no unique or exclusion constraint matching the ON CONFLICT specification'

function keyNames(to: Keyed): string {
  return to.primaryKey.map((at) => to.columns[at]!.name).join(', ')
}
