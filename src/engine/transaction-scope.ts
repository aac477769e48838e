/** Where a user's statements stand: in no transaction, in one, or in one that failed. PostgreSQL's rules: an error inside
 *  ends all but ROLLBACK, and COMMIT of a failed transaction is a ROLLBACK. */
import { Code, type Command } from '../../sql/index.js'
import { type EncodedCommand, within } from '../native/encode.js'
import { MillraceError, toMillraceError } from '../native/errors.js'
import type { Planned, StatementHead } from './planning/script.js'

export type TransactionStatus = 'idle' | 'active' | 'failed'

type State =
  | { readonly status: 'idle' }
  | { readonly status: 'active'; readonly id: bigint; readonly readOnly: boolean }
  | { readonly status: 'failed'; readonly cause: MillraceError }

export class TransactionScope {
  /** A function's own transaction ends with the function, not by a statement. */
  readonly ofFunction: boolean
  #state: State = { status: 'idle' }
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

  /** The error that made it fail. */
  get cause(): MillraceError | undefined {
    return this.#state.status === 'failed' ? this.#state.cause : undefined
  }

  start(id: bigint, readOnly: boolean): void {
    this.#state = { status: 'active', id, readOnly }
  }

  end(): void {
    this.#state = { status: 'idle' }
  }

  /** An error inside a transaction; gives the number that the engine can forget, once. */
  fail(error: unknown): bigint | undefined {
    if (this.#state.status !== 'active') return undefined
    const { id } = this.#state
    this.#state = { status: 'failed', cause: toMillraceError(error) }
    return id
  }

  /** Refuses what may not run now, before it is compiled. */
  admit(statement?: StatementHead): void {
    const ends = statement?.kind === 'transaction' && statement.action !== 'begin'
    if (statement?.kind === 'transaction' && this.ofFunction) {
      throw new MillraceError(Code.InvalidTransactionTermination, 'invalid transaction termination', {
        hint: 'The transaction ends with its function: return to commit, throw to roll back.',
      })
    }
    if (this.#state.status !== 'failed' || ends) return
    const { cause } = this.#state
    throw new MillraceError(
      Code.FailedTransaction,
      'current transaction is aborted, commands ignored until end of transaction block',
      { detail: `It failed with: ${cause.message}.`, hint: 'Run ROLLBACK to end it.', cause },
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
    if (this.#state.readOnly && 'transaction' in command) {
      const verb = tag.split(' ')[0]
      throw new MillraceError(Code.ReadOnlyTransaction, `cannot execute ${verb} in a read-only transaction`)
    }
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

function outside(tag: string, detail: string): MillraceError {
  return new MillraceError(Code.ActiveTransaction, `${tag} cannot run inside a transaction block`, {
    detail,
    hint: 'End the transaction first.',
  })
}
