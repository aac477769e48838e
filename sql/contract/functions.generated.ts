// Generated from native/crates/plan. Do not edit: run `npm run generate`.
/* biome-ignore-all lint: generated */

import type { FunctionSignature } from './plan.generated.js'

export const FUNCTIONS: readonly FunctionSignature[] = [
]
