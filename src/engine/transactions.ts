/** BEGIN, COMMIT, ROLLBACK and savepoints of a scope, as statements and for functions. The engine keeps a transaction's writes; here it is
 *  known by its number. */
import { Code, PLAN_VERSION } from '../../sql/index.js'
import { MillraceError, toMillraceError } from '../native/errors.js'
import type { NativeEngine } from '../native/native.js'
import type { Planned } from './planning/script.js'
import type { Outcome } from './session.js'
import type { TransactionScope } from './transaction-scope.js'

type Statement = Extract<Planned, { kind: 'transaction' }>

export class Transactions {
  readonly #engine: NativeEngine

  constructor(engine: NativeEngine) {
    this.#engine = engine
  }

  async run(statement: Statement, scope: TransactionScope): Promise<Outcome> {
    const { action, tag, notices, name } = statement
    const done = { tag, fields: [], notices }
    if (action === 'begin') {
      // The statements before it in the same message become a part of it.
      if (scope.implicit) {
        scope.implicit = false
        return done
      }
      if (scope.status !== 'idle') return { ...done, warnings: ['there is already a transaction in progress'] }
      await this.begin(scope, statement.readOnly)
      return done
    }
    if (name !== undefined) {
      await this.#savepoint(action, name, scope)
      return done
    }
    if (scope.status === 'idle') return { ...done, warnings: ['there is no transaction in progress'] }
    await scope.settled()
    if (action === 'commit' && scope.status === 'active') {
      const epoch = await this.commit(scope)
      return { ...done, epoch }
    }
    await this.rollback(scope)
    return { ...done, tag: 'ROLLBACK' }
  }

  async #savepoint(action: Statement['action'], name: string, scope: TransactionScope): Promise<void> {
    if (scope.status === 'idle') {
      const what = action.toUpperCase().replace(/ TO$/, ' TO SAVEPOINT').replace('RELEASE', 'RELEASE SAVEPOINT')
      throw new MillraceError(Code.NoActiveTransaction, `${what} can only be used in transaction blocks`)
    }
    await scope.settled()
    // What was under way may have failed.
    if (action !== 'rollback to') scope.admit()
    const place = action === 'savepoint' ? undefined : scope.savepoint(name)
    const transaction = scope.held
    if (transaction === null) throw new MillraceError(Code.InternalError, 'a savepoint without its transaction')
    const version = PLAN_VERSION
    if (place === undefined) {
      await this.#engine.execute({ command: 'savepoint', version, transaction })
      scope.resume((before) => [...before, name])
    } else if (action === 'rollback to') {
      await this.#engine.execute({ command: 'rollback_to', version, transaction, savepoint: place })
      scope.resume((before) => before.slice(0, place + 1))
    } else {
      await this.#engine.execute({ command: 'release', version, transaction, savepoint: place })
      scope.resume((before) => before.slice(0, place))
    }
  }

  async begin(scope: TransactionScope, readOnly: boolean): Promise<void> {
    scope.start(await this.#engine.begin({ command: 'begin', version: PLAN_VERSION, read_only: readOnly }), readOnly)
  }

  /** Ends the transaction whatever comes of it: one that was not the first has nothing left to commit. */
  async commit(scope: TransactionScope): Promise<bigint> {
    const transaction = scope.id
    scope.end()
    if (transaction === null) throw new MillraceError(Code.NoActiveTransaction, 'there is no transaction in progress')
    const { epoch } = await this.#engine.execute({ command: 'commit', version: PLAN_VERSION, transaction })
    return epoch
  }

  async rollback(scope: TransactionScope): Promise<void> {
    const transaction = scope.held
    scope.end()
    if (transaction !== null) await this.#forget(transaction)
  }

  /** Marks the transaction as failed; the engine forgets its writes at once. */
  fail(scope: TransactionScope, error: unknown): void {
    const transaction = scope.fail(error)
    // The error that is told is the one that made it fail; an engine that cannot even forget says so at the next call.
    if (transaction !== undefined) scope.track(this.#forget(transaction)).catch(() => undefined)
  }

  async #forget(transaction: bigint): Promise<void> {
    try {
      await this.#engine.execute({ command: 'rollback', version: PLAN_VERSION, transaction })
    } catch (error) {
      throw toMillraceError(error)
    }
  }
}
