/** What the addon exports, as native.ts uses it. Not the generated `binding.d.cts`: that is there only after the native build,
 *  and the types of this package must not need one. */
import type { NativeError } from './errors.js'

export interface ExecuteResult {
  readonly error?: NativeError
  readonly rows: number
  readonly epoch: bigint
}

export interface QueryResult {
  readonly error?: NativeError
  readonly ipc?: Uint8Array
}

export interface NextResult {
  readonly error?: NativeError
  readonly done?: boolean
  readonly epoch?: bigint
  readonly ipc?: Uint8Array
}

export interface BindingSubscription {
  next(): Promise<NextResult>
  close(): void
}

export interface BindingEngine {
  catalog(): Uint8Array
  nextRelationId(): number
  execute(command: Uint8Array): Promise<ExecuteResult>
  query(command: Uint8Array, ticket: number): Promise<QueryResult>
  cancel(ticket: number): void
  append(head: Uint8Array, ipc: Uint8Array): Promise<ExecuteResult>
  subscribe(command: Uint8Array): Promise<{ readonly error?: NativeError; readonly subscription?: BindingSubscription }>
  stats(): Promise<string>
  resetFreshness(): void
  close(): Promise<{ readonly error?: NativeError }>
}

export interface Binding {
  readonly Engine: {
    open(
      path: string | null,
      options: { readonly durability?: string },
    ): Promise<{ readonly error?: NativeError; readonly engine?: BindingEngine }>
  }
}
