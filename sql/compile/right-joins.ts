/** A right join turned round: a left join whose columns are put back in their order. */
import type { Rel } from '../contract/plan.generated.js'
import { remap } from '../logical/expr.js'
import { type ColumnTypes, mapInputs, projectColumns } from '../logical/rel.js'
import { typesOf } from '../logical/schema.js'

export function swapRightJoins(rel: Rel, columns: ColumnTypes): Rel {
  const below = mapInputs(rel, (input) => swapRightJoins(input, columns))
  if (below.op !== 'join' || below.kind !== 'right') return below
  const [left, right] = [typesOf(below.left, columns).length, typesOf(below.right, columns).length]
  const swapped: Rel = {
    ...below,
    kind: 'left',
    left: below.right,
    right: below.left,
    keys: below.keys.map((key) => ({ ...key, left: key.right, right: key.left })),
    residual: below.residual === null ? null : remap(below.residual, (i) => (i < left ? i + right : i - left)),
  }
  return projectColumns(swapped, [
    ...Array.from({ length: left }, (_, i) => i + right),
    ...Array.from({ length: right }, (_, i) => i),
  ])
}
