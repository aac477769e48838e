/** What the addon exports, as native.ts uses it. Not the generated `binding.d.cts`: that is there only after the native build,
 *  and the types of this package must not need one. */
import type { NativeError } from './errors.js'

export interface ExecuteResult {
  readonly error?: NativeError
  readonly rows: number
  readonly epoch: bigint
  readonly ipc?: Uint8Array
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

/** Takes an Arrow IPC stream in parts, which it copies, and appends its rows. */
export interface BindingUpload {
  write(part: Uint8Array): void
  append(head: Uint8Array): Promise<ExecuteResult>
}

export interface BeginResult {
  readonly error?: NativeError
  readonly transaction?: bigint
}

export interface ConsumerNextResult {
  readonly error?: NativeError
  /** The consumer is closed. */
  readonly done?: boolean
  /** The member's partitions, when they are others than before. */
  readonly assigned?: readonly number[]
  /** Absent when only the partitions changed. */
  readonly partition?: number
  readonly firstOffset?: bigint
  readonly nextOffset?: bigint
  /** Rows before these that retention has taken since the last batch of the partition. */
  readonly skipped?: bigint
  readonly ipc?: Uint8Array
}

export interface BindingConsumer {
  member(): bigint
  next(rowsMax: number, bytesMax: number): Promise<ConsumerNextResult>
  seek(seek: Uint8Array): Promise<{ readonly error?: NativeError }>
  close(): void
}

/** A statement that looks a row up by its key. */
export interface NativeLookUp {
  /** Its class has no members. */
  readonly constructor: unknown
}

/** A client's look-ups, answered from the bytes that it sends. */
export interface NativeShortcut {
  learnQuery(text: string, lookUp: NativeLookUp, description: Uint8Array, oids: number[]): void
  learnStatement(
    name: string,
    text: string,
    declared: number[],
    lookUp: NativeLookUp,
    description: Uint8Array,
    oids: number[],
    number: number,
  ): void
  forget(name: string): void
  forgetAll(): void
  takeUnnamed(): number | null
  /** The length of the answer, which is written from `at` on; 0 where it has to be answered elsewhere. */
  answer(asked: Buffer, answer: Buffer, at: number): number
}

/** `begin` and `consumer` are optional, as an addon of an earlier build may lie beside these sources. */
export interface DataRowsResult {
  readonly error?: NativeError
  readonly rows: number
  readonly bytes?: Uint8Array
}

export interface BindingEngine {
  begin?(command: Uint8Array): Promise<BeginResult>
  consumer?(command: Uint8Array): Promise<{ readonly error?: NativeError; readonly consumer?: BindingConsumer }>
  catalog(): Uint8Array
  nextRelationId(): number
  /** Absent of an older build, as is the next. */
  limits?(): { readonly memoryLimit?: number; readonly threads?: number }
  setLimits?(limits: NativeLimits): void
  execute(command: Uint8Array): Promise<ExecuteResult>
  query(command: Uint8Array, ticket: number): Promise<QueryResult>
  cancel(ticket: number): void
  /** Nothing where the query may take longer. Absent of an older build. */
  queryNow?(command: Uint8Array): QueryResult | null
  rowsNow?(command: Uint8Array, formats: number[]): DataRowsResult | null
  lookUp?(command: Uint8Array): NativeLookUp | null
  shortcut?(): NativeShortcut
  dataRowsNow(ipc: Uint8Array, formats: number[]): DataRowsResult
  dataRows(ipc: Uint8Array, formats: number[]): Promise<DataRowsResult>
  upload(): BindingUpload
  subscribe(command: Uint8Array): Promise<{ readonly error?: NativeError; readonly subscription?: BindingSubscription }>
  stats(): Promise<string>
  resetFreshness(): void
  close(): Promise<{ readonly error?: NativeError }>
}

export interface NativeOptions {
  readonly durability?: string
  readonly readOnly?: boolean
  readonly journalFileBytes?: number
  readonly cacheBytes?: number
  readonly clockUs?: number
  readonly memoryLimit?: number
  readonly threads?: number
}

/** What queries may use: bytes that their operators hold, threads of one. */
export interface NativeLimits {
  readonly memoryLimit: number
  readonly threads: number
}

export interface Binding {
  readonly Engine: {
    open(
      path: string | null,
      options: NativeOptions,
    ): Promise<{ readonly error?: NativeError; readonly engine?: BindingEngine }>
  }
}
