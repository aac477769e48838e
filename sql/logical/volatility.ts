/** Whether a function gives the same result for the same arguments, by the registry. */
import { FUNCTIONS } from '../contract/functions.generated.js'
import type { Volatility } from '../contract/plan.generated.js'

const known = new Map(FUNCTIONS.map((signature) => [signature.name, signature.volatility]))

export function volatilityOf(name: string): Volatility {
  return name === 'now' ? 'stable' : (known.get(name) ?? 'immutable')
}
