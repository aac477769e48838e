/** A transaction as a function: it commits when the function returns and rolls back when it throws. Snapshot isolation: it reads
 *  one state of the database and its own writes, and of two that write the same row the first to commit wins. */
import { setTimeout as delay } from 'node:timers/promises'
import { Code, type Command } from '../../sql/index.js'
import type { Session } from '../engine/session.js'
import type { TransactionScope } from '../engine/transaction-scope.js'
import { canceled, closed, MillraceError, toMillraceError } from '../native/errors.js'
import type { Parameter } from './parameters.js'
import { bound } from './prepared-statement.js'
import { Result, type Row } from './result.js'

export interface TransactionOptions {
  /** Refuses writes with 25006. */
  readonly readOnly?: boolean
  /** How often the function runs again when another transaction was first (40001); 0 if not given. It must then have no
   *  effects but on the database. */
  readonly retries?: number
  readonly signal?: AbortSignal
}

const RETRIES_MAX = 1000
/** The wait before a further attempt, doubled each time: whoever was first has to get out of the way. */
const BACKOFF_MS = 1
const BACKOFF_MS_MAX = 100

export class Transaction {
  readonly #session: Session
  readonly #scope: TransactionScope
  readonly #signal: AbortSignal | undefined
  #ended = false

  /** Use `Database.transaction`. */
  constructor(session: Session, scope: TransactionScope, signal?: AbortSignal) {
    this.#session = session
    this.#scope = scope
    this.#signal = signal
  }

  /** Runs one statement. Its error, also one that is caught, ends the transaction. */
  async query<T = Row>(text: string, parameters: readonly Parameter[] = []): Promise<Result<T>> {
    this.#check()
    const options = { ...bound(parameters), signal: this.#signal, scope: this.#scope }
    return await Result.of<T>(await this.#session.run(text, options))
  }

  /** Runs one statement whose values are parameters: tx.sql`SELECT * FROM t WHERE id = ${id}`. */
  sql<T = Row>(strings: TemplateStringsArray, ...values: readonly Parameter[]): Promise<Result<T>> {
    return this.query<T>(
      strings.reduce((text, part, index) => `${text}$${index}${part}`),
      values,
    )
  }

  /** Runs a script; it stops at the first error, which ends the transaction. */
  async execute(script: string): Promise<Result[]> {
    this.#check()
    const results: Result[] = []
    const options = { signal: this.#signal, scope: this.#scope }
    for await (const outcome of this.#session.script(script, options)) results.push(await Result.of(outcome))
    return results
  }

  /** Runs a command that is a part of it without being a statement: `inside` makes it one. */
  async run<T>(work: (inside: (command: Command) => Command) => Promise<T>): Promise<T> {
    this.#check()
    return await this.#session.within(this.#scope, work)
  }

  /** No statement after the function. */
  end(): void {
    this.#ended = true
  }

  #check(): void {
    if (this.#ended) throw closed('transaction')
  }
}

export async function runTransaction<T>(
  session: Session,
  work: (transaction: Transaction) => Promise<T> | T,
  options: TransactionOptions = {},
): Promise<T> {
  const { retries = 0, signal } = options
  if (!Number.isInteger(retries) || retries < 0 || retries > RETRIES_MAX) {
    throw new MillraceError(Code.InvalidParameterValue, `retries must be a whole number from 0 to ${RETRIES_MAX}`)
  }
  for (let attempt = 0; ; attempt++) {
    try {
      return await once(session, work, options)
    } catch (error) {
      if (!(error instanceof MillraceError) || error.code !== Code.SerializationFailure) throw error
      if (attempt >= retries) throw retries > 0 ? error : withAdvice(error)
    }
    await delay(Math.min(BACKOFF_MS * 2 ** attempt, BACKOFF_MS_MAX), undefined, signal && { signal }).catch(() => {
      throw canceled(signal?.reason)
    })
  }
}

async function once<T>(
  session: Session,
  work: (transaction: Transaction) => Promise<T> | T,
  { readOnly = false, signal }: TransactionOptions,
): Promise<T> {
  if (signal?.aborted) throw canceled(signal.reason)
  const scope = await session.begin(readOnly)
  const transaction = new Transaction(session, scope, signal)
  let value: T
  try {
    value = await work(transaction)
    if (signal?.aborted) throw canceled(signal.reason)
  } catch (error) {
    transaction.end()
    // Whatever the function threw is the caller's, as it is.
    await session.rollback(scope).catch(() => undefined)
    throw error
  }
  transaction.end()
  await session.commit(scope)
  return value
}

function withAdvice(error: MillraceError): MillraceError {
  if (error.hint !== undefined) return error
  const { code, message, detail } = toMillraceError(error)
  const hint = 'Run the transaction again; with { retries: 3 } it is run again up to three times.'
  return new MillraceError(code, message, { detail, hint, cause: error })
}
