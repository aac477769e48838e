/** One user's way through the engine: text is parsed and compiled against the newest catalog, and its command is run. */
import {
  Code,
  type Command,
  type Definition,
  type Field,
  type Literal,
  PLAN_VERSION,
  parseScript,
  type Statement,
} from '../../sql/index.js'
import type { StoredCatalog } from '../catalog/stored-catalog.js'
import { canceled, MillraceError, toMillraceError } from '../native/errors.js'
import type { NativeEngine, NativeSubscription } from '../native/native.js'
import { readModelFile } from './model-file.js'
import { CatalogSnapshot } from './planning/catalog-snapshot.js'
import { EXPLAIN, type Form, RUN } from './planning/form.js'
import { LocalScript } from './planning/local-script.js'
import type { Planned, Script, StatementHead } from './planning/script.js'
import { PlanningThread } from './planning/thread.js'
import './planning/warm-up.js'
import { highestParameter } from './parameters-of.js'
import { NO_NAMES, type PreparedNames } from './prepared-names.js'
import { Settings } from './settings.js'
import { StatementCache } from './statement-cache.js'
import { textRows } from './text-rows.js'
import { TransactionScope, type TransactionStatus } from './transaction-scope.js'
import { Transactions } from './transactions.js'
import { type Begun, Turnstile } from './turnstile.js'

/** Longer texts are parsed and planned on a thread of their own: this many characters take about a millisecond here. */
const LOCAL_TEXT_MAX = 1000

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
  /** What the user has set; the session's own if not given. */
  readonly settings?: Settings | undefined
  readonly prepared?: PreparedNames | undefined
}

export class Session {
  readonly engine: NativeEngine
  #catalog: CatalogSnapshot
  readonly #planner = new PlanningThread()
  readonly #turnstile = new Turnstile()
  readonly #parsed = new StatementCache<readonly Statement[]>()
  /** Emptied when the catalog changes. */
  readonly #compiled = new StatementCache<Planned>()
  /** Writes that the engine has and has not acknowledged. */
  readonly #writes = new Set<Promise<unknown>>()
  /** The transaction that BEGIN in a text begins. */
  readonly #scope = new TransactionScope(false)
  readonly #transactions: Transactions
  readonly #settings = new Settings()

  constructor(engine: NativeEngine) {
    this.engine = engine
    this.#transactions = new Transactions(engine)
    this.#catalog = new CatalogSnapshot(engine.catalog())
  }

  get catalog(): StoredCatalog {
    return this.#catalog.catalog
  }

  /** Waits until the statements that were given are in the engine's hands and its writes have ended; ends the planning thread. */
  async close(): Promise<void> {
    await this.#turnstile.enter(() => ({ exclusive: false, work: Promise.resolve() }))
    await Promise.allSettled(this.#writes)
    await this.#planner.close()
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
    return (await this.#alone(text, RUN, options)) ?? { tag: '', fields: [], notices: [] }
  }

  /** The plan of the one statement of a text, as EXPLAIN would give it; positions of errors are in the text. */
  async explain(text: string, options: RunOptions = {}): Promise<Outcome> {
    const outcome = await this.#alone(text, EXPLAIN, options)
    if (outcome === undefined) throw new MillraceError(Code.SyntaxError, 'nothing to explain')
    return outcome
  }

  /** Runs all statements of a text in order and stops at the first error. What ran before it stays. */
  async *script(text: string, options: RunOptions = {}): AsyncGenerator<Outcome, undefined> {
    const script = this.#scriptOf(text)
    try {
      for (let index = 0; ; index++) {
        const outcome = await this.#step(script, index, options, (heads) =>
          this.#begin(script, index, RUN, heads, options),
        )
        if (outcome === undefined) return undefined
        yield outcome
      }
    } finally {
      script.close()
    }
  }

  /** The changes of a SELECT or of SUBSCRIBE. */
  async subscribe(
    text: string,
    options: RunOptions & { readonly snapshot?: boolean | undefined } = {},
  ): Promise<{ readonly native: NativeSubscription; readonly fields: readonly Field[] }> {
    const form: Form = { as: 'subscribe', snapshot: options.snapshot }
    const script = this.#scriptOf(text)
    try {
      const opened = await this.#step(script, 0, options, async (heads) => {
        single(heads)
        const planned = await this.#plan(script, 0, form, null, options)
        if (planned.kind !== 'subscribe') throw noQuery()
        const { command, fields } = planned
        return {
          exclusive: false,
          work: this.engine.subscribe(command).then((native) => ({ native, fields }), rethrow),
        }
      })
      if (opened === undefined) throw noQuery()
      return opened
    } finally {
      script.close()
    }
  }

  /** The columns of what the one statement of a text would give, if it gives rows. Nothing is run. */
  async describe(text: string, options: RunOptions = {}): Promise<readonly Field[] | undefined> {
    const script = this.#scriptOf(text)
    try {
      return await this.#step(script, 0, options, async (heads) => {
        single(heads)
        const { scope = this.#scope } = options
        scope.admit(heads[0])
        const planned = await this.#plan(script, 0, RUN, scope.id, options)
        const fields = planned.kind === 'query' || planned.kind === 'rows' ? planned.fields : undefined
        return { exclusive: false, work: Promise.resolve(fields) }
      })
    } finally {
      script.close()
    }
  }

  /** The highest n of the parameters `$n` in a text of one statement. */
  parameterCount(text: string): number {
    return Math.max(0, ...this.parse(text).map(highestParameter))
  }

  #scriptOf(text: string): Script {
    const local = text.length <= LOCAL_TEXT_MAX
    return local ? new LocalScript(text, (known) => this.parse(known)) : this.#planner.script(text)
  }

  async #alone(text: string, form: Form, options: RunOptions): Promise<Outcome | undefined> {
    const script = this.#scriptOf(text)
    try {
      return await this.#step(script, 0, options, (heads) => {
        single(heads)
        return this.#begin(script, 0, form, heads, options, text)
      })
    } finally {
      script.close()
    }
  }

  /** Takes a statement's turn; `undefined` when the text has no such statement. */
  async #step<T>(
    script: Script,
    index: number,
    { signal, scope = this.#scope }: RunOptions,
    begin: (heads: readonly StatementHead[]) => Promise<Begun<T>>,
  ): Promise<T | undefined> {
    return await this.#turnstile.enter<T | undefined>(async () => {
      try {
        throwIfAborted(signal)
        const heads = await script.heads()
        if (index >= heads.length) return { exclusive: false, work: Promise.resolve(undefined) }
        return await begin(heads)
      } catch (error) {
        // An error of syntax ends a transaction as any other does.
        this.#transactions.fail(scope, error)
        return rethrow(error)
      }
    })
  }

  /** `text` names the plan, if it may be kept: a script's statements share theirs. */
  async #begin(
    script: Script,
    index: number,
    form: Form,
    heads: readonly StatementHead[],
    options: RunOptions,
    text?: string,
  ): Promise<Begun<Outcome>> {
    const { signal, parameters, scope = this.#scope } = options
    scope.admit(heads[index])
    // Parameters and the transaction are a part of the plan.
    const kept = form.as === 'run' && parameters === undefined && scope.id === null ? text : undefined
    const known = kept === undefined ? undefined : this.#compiled.get(kept)
    const planned = known ?? (await this.#plan(script, index, form, scope.id, options))
    throwIfAborted(signal)
    scope.check(planned)
    if (known === undefined && kept !== undefined && (planned.kind === 'query' || planned.kind === 'dml')) {
      this.#compiled.set(kept, planned)
    }
    if (planned.kind === 'transaction') {
      // What follows has to know whether it is inside.
      return { exclusive: true, work: this.#transactions.run(planned, scope).catch(rethrow) }
    }
    const work = this.#run(planned, scope, options).catch((error: unknown) => {
      this.#transactions.fail(scope, error)
      return rethrow(error)
    })
    return { exclusive: planned.kind === 'ddl', work: scope.track(work) }
  }

  #plan(
    script: Script,
    index: number,
    form: Form,
    transaction: bigint | null,
    { parameters, settings = this.#settings }: RunOptions,
  ): Planned | Promise<Planned> {
    const nextId = this.engine.nextRelationId()
    const asked = { form, catalog: this.#catalog, nextId, parameters, transaction, settings: settings.changed }
    return script.plan(index, asked)
  }

  /** Hands the statement to the engine before the first await, so that the engine gets them in order. */
  async #run(
    compiled: Exclude<Planned, { kind: 'transaction' }>,
    scope: TransactionScope,
    { signal, settings = this.#settings, prepared = NO_NAMES }: RunOptions,
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
        settings.set(compiled.name, compiled.value)
        return { tag: compiled.value === null ? 'RESET' : 'SET', fields: [], notices: [] }
      case 'deallocate': {
        const { name, tag } = compiled
        if (name === undefined) prepared.clear()
        else if (!prepared.delete(name)) {
          throw new MillraceError(Code.InvalidStatementName, `prepared statement "${name}" does not exist`)
        }
        return { tag, fields: [], notices: [] }
      }
      case 'discard':
        if (compiled.all) {
          settings.reset()
          prepared.clear()
        }
        return { tag: compiled.tag, fields: [], notices: [] }
      case 'subscribe':
        throw new MillraceError(Code.WrongObjectType, 'SUBSCRIBE does not end, so it has no result', {
          hint: 'Use subscribe().',
        })
      default:
        return compiled satisfies never
    }
  }

  async #changeCatalog(compiled: Extract<Planned, { kind: 'ddl' }>): Promise<Outcome> {
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
    this.#catalog = new CatalogSnapshot(this.engine.catalog())
    this.#compiled.clear()
    return { tag, fields: [], epoch, notices }
  }
}

function single(heads: readonly StatementHead[]): void {
  if (heads.length <= 1) return
  throw new MillraceError(Code.SyntaxError, 'cannot run several statements as one', {
    detail: `The text has ${heads.length} statements.`,
    hint: 'Use execute() for a script.',
  })
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
