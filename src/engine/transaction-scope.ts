/** Where a user's statements stand: in no transaction, in one, or in one that failed. PostgreSQL's rules: an error inside
 *  ends all but ROLLBACK, or ROLLBACK TO a savepoint; COMMIT of a failed transaction is a ROLLBACK. */
import { Code, type Command } from '../../sql/index.js'
import { type EncodedCommand, within } from '../native/encode.js'
import { MillraceError, toMillraceError } from '../native/errors.js'
import type { Planned, StatementHead } from './planning/script.js'
import { Lane } from './turnstile.js'

export type TransactionStatus = 'idle' | 'active' | 'failed'

type State =
  | { readonly status: 'idle' }
  | ({ readonly status: 'active' } & Held)
  /** `held` is what the engine keeps of it, as there is a savepoint to go back to. */
  | { readonly status: 'failed'; readonly cause: MillraceError; readonly held: Held | undefined }

interface Held {
  readonly id: bigint
  readonly readOnly: boolean
  /** The names of its savepoints, the newest last: a name may be there more than once. */
  readonly savepoints: readonly string[]
}

export class TransactionScope {
  /** A function's own transaction ends with the function, not by a statement. */
  readonly ofFunction: boolean
  /** Its statements run in their order. */
  readonly lane = new Lane()
  #state: State = { status: 'idle' }
  /** Begun by the server for the statements of one message, which commit or fail together. */
  implicit = false
  readonly #running = new Set<Promise<unknown>>()

  constructor(ofFunction: boolean) {
    this.ofFunction = ofFunction
  }

  get status(): TransactionStatus {
    return this.#state.status
  }

  /** The number that commands carry. */
  get id(): bigint | null {
    return this.#state.status === 'active' ? this.#state.id : null
  }

  /** The number of the transaction that the engine keeps, one that failed included. */
  get held(): bigint | null {
    return this.#held?.id ?? null
  }

  get #held(): Held | undefined {
    if (this.#state.status === 'active') return this.#state
    return this.#state.status === 'failed' ? this.#state.held : undefined
  }

  /** The error that made it fail. */
  get cause(): MillraceError | undefined {
    return this.#state.status === 'failed' ? this.#state.cause : undefined
  }

  start(id: bigint, readOnly: boolean): void {
    this.#state = { status: 'active', id, readOnly, savepoints: [] }
  }

  /** A savepoint's place among all: the newest of that name. */
  savepoint(name: string): number {
    const place = this.#held?.savepoints.lastIndexOf(name) ?? -1
    if (place >= 0) return place
    throw new MillraceError(Code.InvalidSavepoint, `savepoint "${name}" does not exist`)
  }

  /** The engine stands where these savepoints say, and goes on. */
  resume(savepoints: (before: readonly string[]) => readonly string[]): void {
    const held = this.#held
    if (held !== undefined) this.#state = { ...held, status: 'active', savepoints: savepoints(held.savepoints) }
  }

  end(): void {
    this.implicit = false
    this.#state = { status: 'idle' }
  }

  /** An error inside a transaction; gives the number that the engine can forget, once, if there is no savepoint. */
  fail(error: unknown): bigint | undefined {
    if (this.#state.status !== 'active') return undefined
    const { id, readOnly, savepoints } = this.#state
    const held = savepoints.length === 0 ? undefined : { id, readOnly, savepoints }
    this.#state = { status: 'failed', cause: toMillraceError(error), held }
    return held === undefined ? id : undefined
  }

  /** Refuses what may not run now, before it is compiled. */
  admit(statement?: StatementHead): void {
    const action = statement?.kind === 'transaction' ? statement.action : undefined
    const ends = action === 'commit' || action === 'rollback'
    if ((ends || action === 'begin') && this.ofFunction) {
      throw new MillraceError(Code.InvalidTransactionTermination, 'invalid transaction termination', {
        hint: 'The transaction ends with its function: return to commit, throw to roll back.',
      })
    }
    if (this.#state.status !== 'failed' || ends || action === 'rollback to') return
    const { cause, held } = this.#state
    const back = held === undefined ? '' : ', or ROLLBACK TO a savepoint to go on from there'
    throw new MillraceError(
      Code.FailedTransaction,
      'current transaction is aborted, commands ignored until end of transaction block',
      { detail: `It failed with: ${cause.message}.`, hint: `Run ROLLBACK to end it${back}.`, cause },
    )
  }

  /** Refuses what a transaction cannot hold. */
  check(compiled: Planned): void {
    if (this.#state.status !== 'active') return
    if (compiled.kind === 'ddl') {
      throw outside(compiled.tag, 'A change of the catalog is a commit of its own.')
    }
    if (compiled.kind === 'discard' && compiled.all) throw outside(compiled.tag, 'It ends all that the session has.')
    if (compiled.kind !== 'dml' && compiled.kind !== 'command') return
    const { command, tag } = compiled
    if (command.command === 'backup') throw outside(tag, 'A backup has what is committed.')
    if (command.command === 'consumer_seek') throw outside(tag, 'The move of a group is a commit of its own.')
    if (command.command === 'consumer_drop') throw outside(tag, 'The end of a group is a commit of its own.')
    if (this.#state.readOnly && 'transaction' in command) throw readOnly(tag)
  }

  /** The command as a part of this transaction. */
  inside(command: Command): Command
  inside(command: Command | EncodedCommand): Command | EncodedCommand
  inside(command: Command | EncodedCommand): Command | EncodedCommand {
    // What comes in bytes was planned for this transaction.
    return 'encoded' in command ? command : within(command, this.id)
  }

  /** Notes a statement that COMMIT has to wait for. */
  track<T>(work: Promise<T>): Promise<T> {
    const settled = work.then(
      () => undefined,
      () => undefined,
    )
    this.#running.add(settled)
    settled.then(() => this.#running.delete(settled))
    return work
  }

  /** Resolves when all statements that have begun have ended, well or not. */
  async settled(): Promise<void> {
    await Promise.all(this.#running)
  }
}

/** Refuses what a database that is open to be read only cannot do. */
export function checkReadable(compiled: Planned): void {
  const backup = compiled.kind === 'command' && compiled.command.command === 'backup'
  if (backup || (compiled.kind !== 'ddl' && compiled.kind !== 'dml' && compiled.kind !== 'command')) return
  throw readOnly(compiled.tag, 'The database is open to be read only.')
}

function readOnly(tag: string, detail?: string): MillraceError {
  return new MillraceError(Code.ReadOnlyTransaction, `cannot execute ${tag} in a read-only transaction`, { detail })
}

function outside(tag: string, detail: string): MillraceError {
  return new MillraceError(Code.ActiveTransaction, `${tag} cannot run inside a transaction block`, {
    detail,
    hint: 'End the transaction first.',
  })
}
