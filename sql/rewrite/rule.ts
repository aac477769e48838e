/** What a rewrite rule is. A rule returns the same object when it does not apply; it never changes a plan's output types, its
 *  column order or its multiset of rows. */
import type { DataType, Rel } from '../contract/plan.generated.js'
import type { ColumnTypes } from '../logical/rel.js'

export interface RuleContext {
  readonly columns: ColumnTypes
  types(rel: Rel): readonly DataType[]
  width(rel: Rel): number
}

export interface Rule {
  readonly name: string
  /** Rules that must stand earlier in the pipeline; checked when it is built. */
  readonly after?: readonly string[]
  /** A local rule sees one operator whose inputs have been rewritten; a whole-plan rule sees the root. */
  readonly scope: 'operator' | 'plan'
  apply(rel: Rel, context: RuleContext): Rel
}
