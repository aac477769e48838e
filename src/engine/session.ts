/** One user's way through the engine: text is parsed and compiled against the newest catalog, and its command is run. */
import {
  Code,
  type Command,
  type Compiled,
  compile,
  type Definition,
  type Field,
  type Literal,
  PLAN_VERSION,
  parseScript,
  type Statement,
} from '../../sql/index.js'
import { StoredCatalog } from '../catalog/stored-catalog.js'
import { canceled, MillraceError, toMillraceError } from '../native/errors.js'
import type { NativeEngine, NativeSubscription } from '../native/native.js'
import { readModelFile } from './model-file.js'
import { StatementCache } from './statement-cache.js'
import { textRows } from './text-rows.js'
import { TransactionScope, type TransactionStatus } from './transaction-scope.js'
import { Transactions } from './transactions.js'
import { Turnstile } from './turnstile.js'

/** What one statement did. `tag` is PostgreSQL's command tag; that of a query lacks the count, which is in the rows. */
export interface Outcome {
  readonly tag: string
  readonly fields: readonly Field[]
  readonly ipc?: Uint8Array
  /** Rows that a write changed. */
  readonly rowCount?: number
  readonly epoch?: bigint
  readonly notices: readonly string[]
  /** What PostgreSQL would send as WARNING. */
  readonly warnings?: readonly string[]
}

export interface RunOptions {
  readonly parameters?: readonly Literal[]
  readonly signal?: AbortSignal | undefined
  /** The transaction that the statement may be a part of; the session's own if not given. */
  readonly scope?: TransactionScope | undefined
}

export class Session {
  readonly engine: NativeEngine
  #catalog: StoredCatalog
  readonly #turnstile = new Turnstile()
  readonly #parsed = new StatementCache<readonly Statement[]>()
  /** Emptied when the catalog changes. */
  readonly #compiled = new StatementCache<Compiled>()
  /** Writes that the engine has and has not acknowledged. */
  readonly #writes = new Set<Promise<unknown>>()
  /** The transaction that BEGIN in a text begins. */
  readonly #scope = new TransactionScope(false)
  readonly #transactions: Transactions

  constructor(engine: NativeEngine) {
    this.engine = engine
    this.#transactions = new Transactions(engine)
    this.#catalog = new StoredCatalog(engine.definitions())
  }

  get catalog(): StoredCatalog {
    return this.#catalog
  }

  /** Whether a BEGIN in a text has been, and what came of it. */
  get transactionStatus(): TransactionStatus {
    return this.#scope.status
  }

  /** A transaction beside the session's own, for a function. Statements run in it by `RunOptions.scope`. */
  async begin(readOnly: boolean): Promise<TransactionScope> {
    const scope = new TransactionScope(true)
    await this.#transactions.begin(scope, readOnly).catch(rethrow)
    return scope
  }

  /** Commits a function's transaction, once all its statements have ended; throws what made it fail. */
  async commit(scope: TransactionScope): Promise<bigint> {
    await scope.settled()
    const { cause } = scope
    if (cause === undefined) return await this.#transactions.commit(scope).catch(rethrow)
    scope.end()
    // One that lost to another is run again by whoever began it, so its code is kept.
    if (cause.code === Code.SerializationFailure) throw cause
    throw new MillraceError(Code.FailedTransaction, 'the transaction was rolled back as a statement in it failed', {
      detail: `It failed with: ${cause.message}.`,
      cause,
    })
  }

  /** Runs a command that is no statement as a part of a transaction; its error ends it as a statement's would. */
  async within<T>(scope: TransactionScope, work: (inside: (command: Command) => Command) => Promise<T>): Promise<T> {
    try {
      scope.admit()
      return await scope.track(work((command) => scope.inside(command)))
    } catch (error) {
      this.#transactions.fail(scope, error)
      throw toMillraceError(error)
    }
  }

  async rollback(scope: TransactionScope): Promise<void> {
    await scope.settled()
    await this.#transactions.rollback(scope).catch(rethrow)
  }

  /** The statements of a text; throws at the first error of syntax, before anything ran. */
  parse(text: string): readonly Statement[] {
    const known = this.#parsed.get(text)
    if (known !== undefined) return known
    try {
      const statements = parseScript(text).statements.map(({ tree }) => tree)
      this.#parsed.set(text, statements)
      return statements
    } catch (error) {
      throw toMillraceError(error)
    }
  }

  /** Runs the one statement of a text; a text without any does nothing, as in PostgreSQL. */
  async run(text: string, options: RunOptions = {}): Promise<Outcome> {
    const statement = this.#single(text, options.scope)
    return statement === undefined ? { tag: '', fields: [], notices: [] } : await this.#step(statement, text, options)
  }

  /** The plan of the one statement of a text, as EXPLAIN would give it; positions of errors are in the text. */
  async explain(text: string, options: RunOptions = {}): Promise<Outcome> {
    const statement = this.#single(text)
    if (statement === undefined) throw new MillraceError(Code.SyntaxError, 'nothing to explain')
    if (statement.kind === 'explain') return await this.#step(statement, text, options)
    const { span } = statement
    // Not cached: the text names the statement itself.
    return await this.#step({ kind: 'explain', analyze: false, options: [], statement, span }, text, options)
  }

  /** Runs all statements of a text in order and stops at the first error. What ran before it stays. */
  async *script(text: string, options: RunOptions = {}): AsyncGenerator<Outcome, undefined> {
    for (const statement of this.#parsedIn(options.scope, text)) yield await this.#step(statement, text, options)
    return undefined
  }

  /** The changes of a SELECT or of SUBSCRIBE. */
  async subscribe(
    text: string,
    options: RunOptions & { readonly snapshot?: boolean | undefined } = {},
  ): Promise<{ readonly native: NativeSubscription; readonly fields: readonly Field[] }> {
    const statement = this.#single(text)
    if (statement === undefined) throw noQuery()
    return await this.#turnstile.enter(() => {
      throwIfAborted(options.signal)
      const compiled = this.#compile(asSubscribe(statement, options.snapshot), text, options.parameters)
      if (compiled.kind !== 'subscribe') throw noQuery()
      const { command, fields } = compiled
      return { exclusive: false, work: this.engine.subscribe(command).then((native) => ({ native, fields }), rethrow) }
    })
  }

  /** An error of syntax ends a transaction as any other does. */
  #parsedIn(scope: TransactionScope | undefined, text: string): readonly Statement[] {
    try {
      return this.parse(text)
    } catch (error) {
      this.#transactions.fail(scope ?? this.#scope, error)
      throw error
    }
  }

  #single(text: string, scope?: TransactionScope): Statement | undefined {
    const statements = this.#parsedIn(scope, text)
    if (statements.length <= 1) return statements[0]
    throw new MillraceError(Code.SyntaxError, 'cannot run several statements as one', {
      detail: `The text has ${statements.length} statements.`,
      hint: 'Use execute() for a script.',
    })
  }

  #step(statement: Statement, text: string, options: RunOptions): Promise<Outcome> {
    const { signal, scope = this.#scope } = options
    const failed = (error: unknown): never => {
      this.#transactions.fail(scope, error)
      return rethrow(error)
    }
    return this.#turnstile.enter(() => {
      try {
        throwIfAborted(signal)
        scope.admit(statement)
        const compiled = this.#compileCached(statement, text, options)
        scope.check(compiled)
        if (compiled.kind === 'transaction') {
          // What follows has to know whether it is inside.
          return { exclusive: true, work: this.#transactions.run(compiled, scope).catch(rethrow) }
        }
        const work = this.#begin(compiled, signal, scope).catch(failed)
        return { exclusive: compiled.kind === 'ddl', work: scope.track(work) }
      } catch (error) {
        return failed(error)
      }
    })
  }

  /** Hands the statement to the engine before the first await, so that the engine gets them in order. */
  async #begin(
    compiled: Exclude<Compiled, { kind: 'transaction' }>,
    signal: AbortSignal | undefined,
    scope: TransactionScope,
  ): Promise<Outcome> {
    switch (compiled.kind) {
      case 'query': {
        const ipc = await this.engine.query(scope.inside(compiled.command), signal)
        return { tag: compiled.tag ?? 'SELECT', fields: compiled.fields, ipc, notices: [] }
      }
      case 'command':
      case 'dml': {
        const inside = scope.id !== null
        const write = this.engine.execute(scope.inside(compiled.command))
        this.#writes.add(write)
        try {
          const { rows, epoch } = await write
          // What was cancelled may still be committed, but not as a part of a transaction.
          if (inside) throwIfAborted(signal)
          if (compiled.kind === 'command') return { tag: compiled.tag, fields: [], epoch, notices: [] }
          const tag = compiled.tag === 'INSERT' ? `INSERT 0 ${rows}` : `${compiled.tag} ${rows}`
          return { tag, fields: [], rowCount: rows, epoch, notices: [] }
        } finally {
          this.#writes.delete(write)
        }
      }
      case 'ddl':
        // The engine runs DDL and writes on different threads: a DROP must not overtake an INSERT.
        await Promise.allSettled(this.#writes)
        return await this.#changeCatalog(compiled)
      case 'rows': {
        const { tag, rows } = compiled
        const fields = compiled.fields.map((field): Field => ({ ...field, data_type: { type: 'text' } }))
        return { tag, fields, ipc: textRows(fields, rows), notices: [] }
      }
      case 'set':
        this.#checkSetting(compiled.name, compiled.value)
        return { tag: compiled.value === null ? 'RESET' : 'SET', fields: [], notices: [] }
      case 'subscribe':
        throw new MillraceError(Code.WrongObjectType, 'SUBSCRIBE does not end, so it has no result', {
          hint: 'Use subscribe().',
        })
      default:
        return compiled satisfies never
    }
  }

  #compileCached(statement: Statement, text: string, { parameters }: RunOptions): Compiled {
    // A script's statements share its text, and parameters are part of the plan: neither is named by the text alone.
    const cacheable = parameters === undefined && this.parse(text).length === 1
    const known = cacheable && statement.kind !== 'explain' ? this.#compiled.get(text) : undefined
    if (known !== undefined) return known
    const compiled = this.#compile(statement, text, parameters)
    if (cacheable && (compiled.kind === 'query' || compiled.kind === 'dml')) this.#compiled.set(text, compiled)
    return compiled
  }

  #compile(statement: Statement, text: string, parameters: readonly Literal[] = []): Compiled {
    try {
      return compile(statement, {
        catalog: this.#catalog.names,
        nextId: () => this.engine.nextRelationId(),
        parameters,
        searchText: text,
      })
    } catch (error) {
      throw toMillraceError(error)
    }
  }

  /** Settings are fixed so far: SET to another value is refused, as taking it and doing nothing would be a lie. */
  #checkSetting(name: string, value: string | null): void {
    const span = { start: 0, end: 0 }
    const shown = this.#compile({ kind: 'show', what: 'setting', name: { kind: 'ident', name, span }, span }, '')
    const current = shown.kind === 'rows' ? (shown.rows[0]?.[0] ?? '') : ''
    if (value === null || value.toLowerCase() === current.toLowerCase()) return
    throw new MillraceError(Code.FeatureNotSupported, `parameter "${name}" cannot be changed`, {
      detail: `It is "${current}".`,
    })
  }

  async #changeCatalog(compiled: Extract<Compiled, { kind: 'ddl' }>): Promise<Outcome> {
    const { tag, notices, modelFile } = compiled
    if (compiled.changes.length === 0) return { tag, fields: [], notices }
    let changes = compiled.changes
    if (modelFile !== undefined) {
      const onnx = await readModelFile(modelFile)
      changes = changes.map((change) =>
        change.change === 'create' && change.definition.object.kind === 'model'
          ? { ...change, definition: withModel(change.definition, onnx) }
          : change,
      )
    }
    const command: Command = { command: 'ddl', version: PLAN_VERSION, changes: [...changes] }
    const { epoch } = await this.engine.execute(command)
    this.#catalog = new StoredCatalog(this.engine.definitions())
    this.#compiled.clear()
    return { tag, fields: [], epoch, notices }
  }
}

/** A query is subscribed to as SUBSCRIBE TO (query) would; `snapshot` goes before what the text says. */
function asSubscribe(statement: Statement, snapshot: boolean | undefined): Statement {
  if (statement.kind === 'subscribe') return { ...statement, snapshot: snapshot ?? statement.snapshot }
  if (statement.kind !== 'query') return statement
  return { kind: 'subscribe', query: statement, snapshot: snapshot ?? false, span: statement.span }
}

function noQuery(): MillraceError {
  return new MillraceError(Code.SyntaxError, 'a subscription needs a query', {
    hint: 'Give a SELECT or SUBSCRIBE TO (SELECT …).',
  })
}

/** A panic in Rust comes as an exception of the binding. */
function rethrow(error: unknown): never {
  throw toMillraceError(error)
}

function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw canceled(signal.reason)
}

function withModel(definition: Definition, onnx: Uint8Array): Definition {
  const { object } = definition
  return object.kind === 'model' ? { ...definition, object: { ...object, onnx } } : definition
}
