/** Runs the pipeline: each group of rules to a fixpoint with a bound, the plan checked after each rule that changed it. */
import type { Rel } from '../contract/plan.generated.js'
import { type ColumnTypes, mapInputs } from '../logical/rel.js'
import { PlanFault, typesOf } from '../logical/schema.js'
import { sameTypes } from '../types/data-type.js'
import { PIPELINE } from './pipeline.js'
import type { Rule, RuleContext } from './rule.js'

/** Rounds of one group. Rules shrink or sink, so few are needed; the bound turns a cycle of ours into a finished plan. */
const ROUNDS_MAX = 12

export interface Rewritten {
  readonly rel: Rel
  /** The names of the rules that changed something, in the order in which they first did. */
  readonly fired: readonly string[]
}

export function optimize(rel: Rel, columns: ColumnTypes, pipeline: readonly (readonly Rule[])[] = PIPELINE): Rewritten {
  const context: RuleContext = {
    columns,
    types: (node) => typesOf(node, columns),
    width: (node) => typesOf(node, columns).length,
  }
  const fired = new Set<string>()
  let current = rel
  for (const group of pipeline) {
    for (let round = 0; round < ROUNDS_MAX; round++) {
      const before = current
      for (const rule of group) {
        const after = rule.scope === 'plan' ? rule.apply(current, context) : everywhere(current, rule, context)
        if (after === current) continue
        verify(rule, current, after, columns)
        fired.add(rule.name)
        current = after
      }
      if (current === before) break
    }
  }
  return { rel: current, fired: [...fired] }
}

/** Top-down on the way in would miss what inputs become; bottom-up lets a rule see its rewritten inputs. */
function everywhere(rel: Rel, rule: Rule, context: RuleContext): Rel {
  return rule.apply(
    mapInputs(rel, (input) => everywhere(input, rule, context)),
    context,
  )
}

function verify(rule: Rule, before: Rel, after: Rel, columns: ColumnTypes): void {
  try {
    if (sameTypes(typesOf(before, columns), typesOf(after, columns))) return
  } catch (fault) {
    throw new PlanFault(`rule ${rule.name}: ${fault instanceof Error ? fault.message : String(fault)}`)
  }
  throw new PlanFault(`rule ${rule.name} changed the plan's columns`)
}
