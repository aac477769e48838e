/** The list of rewrites, in the order in which they run. Each group runs until nothing changes. */

import type { Rule } from './rule.js'
import { alignJoinKeys } from './rules/align-join-keys.js'
import { collapseIdentityProjects } from './rules/collapse-identity-projects.js'
import { connectJoins } from './rules/connect-joins.js'
import { dropTrueFilter } from './rules/drop-true-filter.js'
import { extractCommonFactors } from './rules/extract-common-factors.js'
import { foldConstants } from './rules/fold-constants.js'
import { mergeFilters } from './rules/merge-filters.js'
import { mergeProjects } from './rules/merge-projects.js'
import { mergeWindows } from './rules/merge-windows.js'
import { plainNullKeys } from './rules/plain-null-keys.js'
import { projectIntoScan } from './rules/project-into-scan.js'
import { pruneColumns } from './rules/prune-columns.js'
import { pushFilterIntoJoin } from './rules/push-filter-into-join.js'
import { pushFilterThroughAggregate } from './rules/push-filter-through-aggregate.js'
import { pushFilterThroughProject } from './rules/push-filter-through-project.js'
import { pushFilterThroughSort } from './rules/push-filter-through-sort.js'
import { pushFilterThroughUnion } from './rules/push-filter-through-union.js'
import { pushFilterThroughWindow } from './rules/push-filter-through-window.js'
import { pushJoinCondition } from './rules/push-join-condition.js'
import { simplifyBooleans } from './rules/simplify-booleans.js'
import { sortLimitToTopN } from './rules/sort-limit-to-top-n.js'

export const PIPELINE: readonly (readonly Rule[])[] = checked([
  // Constants first: the rules below recognise literals only.
  [foldConstants, simplifyBooleans, extractCommonFactors, dropTrueFilter],
  // Filters sink as far as they can. Projects merge meanwhile, as a filter passes a project of columns only.
  [
    mergeProjects,
    mergeFilters,
    pushFilterThroughProject,
    pushFilterThroughSort,
    pushFilterThroughUnion,
    pushFilterThroughAggregate,
    pushFilterThroughWindow,
    pushFilterIntoJoin,
    pushJoinCondition,
    plainNullKeys,
    simplifyBooleans,
    dropTrueFilter,
  ],
  // Joins once each condition stands where it belongs, as each tells which relations belong together.
  [connectJoins],
  // Pruning last: it sees where every column is used once filters stand where they stay.
  [mergeWindows, pruneColumns, mergeProjects, projectIntoScan, collapseIdentityProjects, sortLimitToTopN],
  // After all that make keys of conditions.
  [alignJoinKeys],
])

function checked(groups: readonly (readonly Rule[])[]): readonly (readonly Rule[])[] {
  const seen = new Set<string>()
  for (const rule of groups.flat()) {
    for (const earlier of rule.after ?? []) {
      if (!seen.has(earlier)) throw new Error(`rewrite rule ${rule.name} must come after ${earlier}`)
    }
    seen.add(rule.name)
  }
  return groups
}
