/** What crosses between the session and its planning thread. */
import type { Literal } from '../../../sql/index.js'
import type { ErrorParts } from '../../native/errors.js'
import type { Form } from './form.js'
import type { Planned, StatementHead } from './script.js'

export type Request =
  | { readonly ask: 'parse'; readonly script: number; readonly text: string }
  | {
      readonly ask: 'plan'
      readonly script: number
      readonly index: number
      readonly form: Form
      readonly nextId: number
      readonly parameters: readonly Literal[] | undefined
      readonly transaction: bigint | null
      readonly settings: ReadonlyMap<string, string> | undefined
      /** The stored definitions, if they are others than at the request before. */
      readonly catalog: Uint8Array | undefined
    }

/** The thread answers requests in their order, so that neither needs a number; `forget` has no answer. */
export type Message = Request | { readonly ask: 'forget'; readonly script: number }

export type Answer =
  | { readonly heads: readonly StatementHead[] }
  | { readonly planned: Planned }
  | { readonly error: Thrown }

export interface Thrown extends Omit<ErrorParts, 'cause'> {
  readonly code: string
  readonly message: string
}
