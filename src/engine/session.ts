/** One user's way through the engine: text is parsed and compiled against the newest catalog, and its command is run. */
import {
  Code,
  type Command,
  type DataType,
  type Definition,
  type Expr,
  type Field,
  type Literal,
  PLAN_VERSION,
  parseScript,
  type Statement,
  typeName,
} from '../../sql/index.js'
import type { StoredCatalog } from '../catalog/stored-catalog.js'
import { canceled, MillraceError, toMillraceError } from '../native/errors.js'
import type { NativeEngine, NativeLookUp, NativeSubscription } from '../native/native.js'
import { mayBeAtOnce } from './at-once.js'
import { Copies, type CopyPeer } from './copy/copies.js'
import { literalFree } from './literal-free.js'
import { readModelFile } from './model-file.js'
import { CatalogSnapshot } from './planning/catalog-snapshot.js'
import { EXPLAIN, type Form, RUN } from './planning/form.js'
import { LocalScript } from './planning/local-script.js'
import type { Planned, Script, StatementHead } from './planning/script.js'
import { PlanningThread } from './planning/thread.js'
import './planning/warm-up.js'
import { Limits } from './limits.js'
import {
  asLiterals,
  type PreparedPlan,
  type PreparedStatements,
  sameFields,
  withValues,
} from './prepared-statements.js'
import { Settings } from './settings.js'
import { StatementCache } from './statement-cache.js'
import { textRows } from './text-rows.js'
import { checkReadable, TransactionScope, type TransactionStatus } from './transaction-scope.js'
import { Transactions } from './transactions.js'
import { type Begun, Turnstile } from './turnstile.js'

/** Longer texts are parsed and planned on a thread of their own: this many characters take about a millisecond here. */
const LOCAL_TEXT_MAX = 1000

const TEXT: DataType = { type: 'text' }
/** Statements that may have parameters or give rows. */
const PLANNED_FIRST: ReadonlySet<Statement['kind']> = new Set([
  'query',
  'insert',
  'update',
  'delete',
  'merge',
  'show',
  'describe',
  'explain',
  'verify',
  'check_database',
  'execute',
] satisfies Statement['kind'][])

/** What changes rows, and so has others to commit with. */
const WRITES: ReadonlySet<Statement['kind']> = new Set([
  'insert',
  'update',
  'delete',
  'merge',
  'truncate',
  'copy',
  'execute',
] satisfies Statement['kind'][])
/** What a transaction can hold as well. */
const HARMLESS: ReadonlySet<Statement['kind']> = new Set([
  'query',
  'show',
  'describe',
  'explain',
  'set',
  'prepare',
  'deallocate',
  'transaction',
] satisfies Statement['kind'][])

/** What one statement did. `tag` is PostgreSQL's command tag; that of a query lacks the count, which is in the rows. */
export interface Outcome {
  readonly tag: string
  readonly fields: readonly Field[]
  readonly ipc?: Uint8Array
  /** Instead of `ipc` where `formats` were asked for and the query was a short one: `DataRow` messages. */
  readonly wire?: { readonly rows: number; readonly bytes: Uint8Array }
  /** Rows that a write changed. */
  readonly rowCount?: number
  readonly epoch?: bigint
  readonly notices: readonly string[]
  /** What PostgreSQL would send as WARNING. */
  readonly warnings?: readonly string[]
}

const NONE: readonly string[] = []
const NOTHING: Outcome = { tag: '', fields: [], notices: [] }

export interface RunOptions {
  readonly parameters?: readonly Literal[]
  readonly signal?: AbortSignal | undefined
  /** The transaction that the statement may be a part of; the session's own if not given. */
  readonly scope?: TransactionScope | undefined
  /** What the user has set; the session's own if not given. */
  readonly settings?: Settings | undefined
  /** The session's own if not given. */
  readonly prepared?: PreparedStatements | undefined
  /** The codes of the formats in which PostgreSQL's protocol wants the rows. */
  readonly formats?: readonly number[] | undefined
  /** The other side of COPY's STDIN and STDOUT. */
  readonly copy?: CopyPeer | undefined
}

export class Session {
  readonly engine: NativeEngine
  #catalog: CatalogSnapshot
  readonly #planner = new PlanningThread()
  readonly #turnstile = new Turnstile()
  readonly #parsed = new StatementCache<readonly Statement[]>()
  /** Emptied when the catalog changes. */
  readonly #compiled = new StatementCache<Planned>()
  /** As well; by the declared types and the text. */
  readonly #ready = new StatementCache<PreparedPlan>()
  /** Those of them that look a row up by its key, once they have been run. */
  readonly #lookUps = new WeakMap<PreparedPlan, NativeLookUp>()
  /** Writes that the engine has and has not acknowledged. */
  readonly #writes = new Set<Promise<unknown>>()
  /** The transaction that BEGIN in a text begins. */
  readonly #scope = new TransactionScope(false)
  readonly #transactions: Transactions
  readonly #copies: Copies
  readonly #readOnly: boolean
  readonly #settings = new Settings()
  readonly #limits: Limits
  readonly #prepared: PreparedStatements = new Map<string, { readonly plan: PreparedPlan }>()

  /** `readOnly` is said of a database that is open so. */
  constructor(engine: NativeEngine, readOnly = false) {
    this.engine = engine
    this.#readOnly = readOnly
    this.#limits = new Limits(engine)
    this.#transactions = new Transactions(engine)
    this.#copies = new Copies(engine, this.#transactions)
    this.#catalog = new CatalogSnapshot(engine.catalog())
  }

  get catalog(): StoredCatalog {
    return this.#catalog.catalog
  }

  /** Waits until the statements that were given are in the engine's hands and its writes have ended; ends the planning thread. */
  async close(): Promise<void> {
    await this.#turnstile.passed()
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
    await scope.lane.tail
    await scope.settled()
    const { cause } = scope
    if (cause === undefined) return await this.#transactions.commit(scope).catch(rethrow)
    await this.#transactions.rollback(scope).catch(rethrow)
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
    await scope.lane.tail
    await scope.settled()
    await this.#transactions.rollback(scope).catch(rethrow)
  }

  /** A short query with numbers in its conditions, by the plan of all that differ in these only; undefined where it is something
   *  else, or fails: then the text itself tells what is wrong. */
  async short(
    text: string,
    options: RunOptions,
  ): Promise<{ readonly outcome: Outcome; readonly plan: PreparedPlan } | undefined> {
    const free = literalFree(text)
    const { scope = this.#scope } = options
    if (free === undefined || scope.status !== 'idle') return undefined
    try {
      const plan = await this.prepare(free.text, free.types, options)
      return plan.generic === undefined ? undefined : { plan, outcome: await this.execute(plan, free.values, options) }
    } catch (error) {
      if (options.signal?.aborted) throw error
      return undefined
    }
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
    return (await this.#alone(text, RUN, options)) ?? NOTHING
  }

  /** The plan of the one statement of a text, as EXPLAIN would give it; positions of errors are in the text. */
  async explain(text: string, options: RunOptions = {}): Promise<Outcome> {
    const outcome = await this.#alone(text, EXPLAIN, options)
    if (outcome === undefined) throw new MillraceError(Code.SyntaxError, 'nothing to explain')
    return outcome
  }

  /** Runs all statements of a text in order and stops at the first error. What ran before it stays, unless the text is to be
   *  `atomic`: then its statements commit together, but for those that are a commit of their own. */
  async *script(text: string, options: RunOptions = {}, atomic = false): AsyncGenerator<Outcome, undefined> {
    const { scope = this.#scope } = options
    const script = this.#scriptOf(text)
    try {
      const heads = atomic ? await this.#headsOf(script, scope) : []
      const together = heads.length > 1 && heads.some(({ kind }) => WRITES.has(kind))
      for (let index = 0; ; index++) {
        const head = together ? heads[index] : undefined
        if (head !== undefined) await this.beginImplicit(head, scope)
        const outcome = await this.#step(script, index, options, (known) =>
          this.#begin(script, index, RUN, known, options),
        )
        if (outcome === undefined) return undefined
        if (index === heads.length - 1) await this.commitImplicit(scope)
        yield outcome
      }
    } catch (error) {
      await this.rollbackImplicit(scope)
      throw error
    } finally {
      script.close()
    }
  }

  async #headsOf(script: Script, scope: TransactionScope): Promise<readonly StatementHead[]> {
    try {
      return await script.heads()
    } catch (error) {
      // An error of syntax ends a transaction as any other does.
      this.#transactions.fail(scope, error)
      return rethrow(error)
    }
  }

  /** Begins the transaction of several statements of one message, if this one can be in it; else ends it before this one. */
  async beginImplicit(head: StatementHead, scope: TransactionScope): Promise<void> {
    if (scope.implicit) return await this.endBefore(head, scope)
    if (scope.status !== 'idle' || !(WRITES.has(head.kind) || head.kind === 'query')) return
    await this.#turn(scope, undefined, async () => ({
      exclusive: 'lane',
      work: this.#transactions.begin(scope, false).then(() => {
        scope.implicit = true
      }, rethrow),
    }))
  }

  /** What is a commit of its own ends the implicit transaction. */
  async endBefore({ kind }: StatementHead, scope: TransactionScope): Promise<void> {
    if (!WRITES.has(kind) && !HARMLESS.has(kind)) await this.commitImplicit(scope)
  }

  async commitImplicit(scope: TransactionScope): Promise<void> {
    if (!scope.implicit) return
    await this.#turn(scope, undefined, async () => ({
      exclusive: 'lane',
      work: scope.settled().then(() => this.#transactions.commit(scope).then(() => undefined, rethrow)),
    }))
  }

  async rollbackImplicit(scope: TransactionScope): Promise<void> {
    if (scope.implicit) await this.rollback(scope)
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
          exclusive: 'none',
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
        const fields = fieldsOf(planned)
        return { exclusive: 'none', work: Promise.resolve(fields) }
      })
    } finally {
      script.close()
    }
  }

  /** Plans the one statement of a text for values that come later. `declared` are the types that the client knows. */
  async prepare(
    text: string,
    declared: readonly (DataType | undefined)[] = [],
    options: RunOptions = {},
  ): Promise<PreparedPlan> {
    const { signal, scope = this.#scope } = options
    return await this.#turn(scope, signal, async () => ({
      exclusive: 'none',
      work: Promise.resolve(await this.#readyFor(text, declared, options)),
    }))
  }

  /** Runs a prepared statement with these values. */
  async execute(prepared: PreparedPlan, values: readonly Expr[], options: RunOptions = {}): Promise<Outcome> {
    const { signal, scope = this.#scope } = options
    return await this.#turn(scope, signal, async () => {
      if (prepared.head === undefined) return { exclusive: 'none', work: Promise.resolve(NOTHING) }
      return this.#start(await this.#withValues(prepared, values, options), scope, options)
    })
  }

  /** The look-up by key that a statement is, if it was run and is one. */
  lookUp(prepared: PreparedPlan): NativeLookUp | undefined {
    return this.#lookUps.get(prepared)
  }

  /** Inside of a turn, so that the engine's catalog is that of the plan. */
  #findLookUp(prepared: PreparedPlan, ready: PreparedPlan): void {
    const known = this.#lookUps.get(ready)
    if (known !== undefined) this.#lookUps.set(prepared, known)
    const { generic } = ready
    if (known !== undefined || generic?.kind !== 'query' || !mayBeAtOnce(generic.command)) return
    const lookUp = this.engine.lookUp(generic.command)
    if (lookUp === undefined) return
    this.#lookUps.set(ready, lookUp)
    this.#lookUps.set(prepared, lookUp)
  }

  /** The plan of a prepared statement with these values, on the catalog of now. */
  async #withValues(prepared: PreparedPlan, values: readonly Expr[], options: RunOptions): Promise<Planned> {
    const { scope = this.#scope } = options
    scope.admit(prepared.head)
    let ready = prepared
    if (prepared.catalog !== this.#catalog) {
      ready = await this.#readyFor(prepared.text, prepared.types, options)
      if (!sameFields(ready.fields, prepared.fields)) {
        throw new MillraceError(Code.FeatureNotSupported, 'cached plan must not change result type')
      }
    }
    if (values.length !== ready.types.length) {
      const message = `bind message supplies ${values.length} parameters, but the prepared statement requires ${ready.types.length}`
      throw new MillraceError(Code.ProtocolViolation, message)
    }
    if (ready.generic !== undefined) {
      if (options.formats !== undefined) this.#findLookUp(prepared, ready)
      return withValues(ready.generic, values)
    }
    const parameters = asLiterals(values, ready.types)
    const script = this.#scriptOf(prepared.text)
    try {
      await script.heads()
      return await this.#plan(script, 0, RUN, scope.id, { ...options, parameters })
    } finally {
      script.close()
    }
  }

  async #readyFor(
    text: string,
    declared: readonly (DataType | undefined)[],
    options: RunOptions,
  ): Promise<PreparedPlan> {
    const { scope = this.#scope } = options
    const { settings = this.#settings } = options
    // The search path says what the names are.
    const path = settings.has('search_path') ? settings.get('search_path') : ''
    const key = `${path} ${declared.map((type) => (type === undefined ? '' : typeName(type))).join(',')} ${text}`
    const known = this.#ready.get(key)
    if (known !== undefined) {
      scope.admit(known.head)
      return known
    }
    const ready = await this.#planReady(text, declared, options)
    if (ready.generic !== undefined) this.#ready.set(key, ready)
    return ready
  }

  async #planReady(
    text: string,
    declared: readonly (DataType | undefined)[],
    options: RunOptions,
  ): Promise<PreparedPlan> {
    const { scope = this.#scope } = options
    const script = this.#scriptOf(text)
    try {
      const heads = await script.heads()
      if (heads.length > 1)
        throw new MillraceError(Code.SyntaxError, 'cannot insert multiple commands into a prepared statement')
      const [head] = heads
      const catalog = this.#catalog
      if (head === undefined) return { text, head, types: [], fields: undefined, catalog, generic: undefined }
      scope.admit(head)
      const types = declared.map((type) => type ?? TEXT)
      // What has neither parameters nor rows is planned when it runs.
      if (!PLANNED_FIRST.has(head.kind)) return { text, head, types, fields: undefined, catalog, generic: undefined }
      const planned = await this.#plan(script, 0, { as: 'prepare', declared }, scope.id, options)
      const rows = fieldsOf(planned)
      const fields = planned.kind === 'rows' ? textFields(planned.fields) : rows
      if (planned.kind !== 'query' && planned.kind !== 'dml')
        return { text, head, types, fields, catalog, generic: undefined }
      const { parameters } = planned
      const generic = parameters?.needed === true || planned.momentary === true ? undefined : planned
      return { text, head, types: parameters?.types ?? types, fields, catalog, generic }
    } finally {
      script.close()
    }
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
    return await this.#turn<T | undefined>(scope, signal, async () => {
      const heads = await script.heads()
      if (index >= heads.length) return { exclusive: 'none', work: Promise.resolve(undefined) }
      return await begin(heads)
    })
  }

  async #turn<T>(scope: TransactionScope, signal: AbortSignal | undefined, begin: () => Promise<Begun<T>>): Promise<T> {
    return await this.#turnstile.enter<T>(scope.lane, async () => {
      try {
        throwIfAborted(signal)
        return await begin()
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
    const { parameters, scope = this.#scope } = options
    scope.admit(heads[index])
    // Parameters and the transaction are a part of the plan, and the search path says what its names are.
    const { settings = this.#settings } = options
    const plain = parameters === undefined && scope.id === null && !settings.has('search_path')
    const kept = form.as === 'run' && plain ? text : undefined
    const known = kept === undefined ? undefined : this.#compiled.get(kept)
    const planned = known ?? (await this.#plan(script, index, form, scope.id, options))
    if (known === undefined && kept !== undefined && (planned.kind === 'query' || planned.kind === 'dml')) {
      if (planned.momentary !== true) this.#compiled.set(kept, planned)
    }
    if (planned.kind !== 'execute') return this.#start(planned, scope, options)
    const { prepared = this.#prepared } = options
    const named = prepared.get(planned.name)
    if (named === undefined) throw noStatement(planned.name)
    return this.#start(await this.#withValues(named.plan, planned.values, options), scope, options)
  }

  /** Hands a planned statement to the engine. */
  #start(planned: Planned, scope: TransactionScope, options: RunOptions): Begun<Outcome> {
    throwIfAborted(options.signal)
    scope.check(planned)
    if (this.#readOnly) checkReadable(planned)
    if (planned.kind === 'transaction') {
      // What follows has to know whether it is inside.
      const done = this.#transactions.run(planned, scope).catch((error: unknown) => {
        // A savepoint that is not there is an error inside; after a COMMIT that failed nothing is left to fail.
        this.#transactions.fail(scope, error)
        return rethrow(error)
      })
      return { exclusive: 'lane', work: done }
    }
    const work = this.#run(planned, scope, options).catch((error: unknown) => {
      this.#transactions.fail(scope, error)
      return rethrow(error)
    })
    return {
      exclusive: planned.kind === 'ddl' ? 'all' : planned.kind === 'prepare' ? 'lane' : 'none',
      work: scope.track(work),
    }
  }

  #plan(
    script: Script,
    index: number,
    form: Form,
    transaction: bigint | null,
    { parameters, settings = this.#settings }: RunOptions,
  ): Planned | Promise<Planned> {
    const nextId = this.engine.nextRelationId()
    const changed = new Map([...settings.changed, ...this.#limits.values])
    const asked = { form, catalog: this.#catalog, nextId, parameters, transaction, settings: changed }
    return script.plan(index, asked)
  }

  /** Hands the statement to the engine before the first await, so that the engine gets them in order. */
  async #run(
    compiled: Exclude<Planned, { kind: 'transaction' }>,
    scope: TransactionScope,
    options: RunOptions,
  ): Promise<Outcome> {
    const { signal, settings = this.#settings, prepared = this.#prepared } = options
    switch (compiled.kind) {
      case 'query': {
        for (const { name, value } of compiled.sets ?? []) this.#set(settings, name, value)
        const { fields, tag = 'SELECT' } = compiled
        const command = scope.inside(compiled.command)
        if (mayBeAtOnce(command)) {
          const { formats } = options
          const wire = formats && this.engine.rowsNow(command, formats)
          if (wire !== undefined) return { tag, fields, wire, notices: NONE }
          const now = formats === undefined ? this.engine.queryNow(command) : undefined
          if (now !== undefined) return { tag, fields, ipc: now, notices: NONE }
        }
        const ipc = await this.engine.query(command, signal)
        return { tag, fields, ipc, notices: NONE }
      }
      case 'command':
      case 'dml': {
        const inside = scope.id !== null
        const write = this.engine.execute(scope.inside(compiled.command))
        this.#writes.add(write)
        try {
          const { rows, epoch, ipc } = await write
          // What was cancelled may still be committed, but not as a part of a transaction.
          if (inside) throwIfAborted(signal)
          if (compiled.kind === 'command') {
            const none = compiled.command.command === 'consumer_drop' && rows === 0
            const notices = none ? ['the consumer group does not exist, skipping'] : []
            return { tag: compiled.tag, fields: [], epoch, notices }
          }
          const tag = compiled.tag === 'INSERT' ? `INSERT 0 ${rows}` : `${compiled.tag} ${rows}`
          return { tag, fields: compiled.fields ?? [], rowCount: rows, epoch, notices: [], ...(ipc && { ipc }) }
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
        const fields = textFields(compiled.fields)
        return { tag, fields, ipc: textRows(fields, rows), notices: [] }
      }
      case 'set':
        this.#set(settings, compiled.name, compiled.value)
        return { tag: compiled.value === null ? 'RESET' : 'SET', fields: [], notices: [] }
      case 'deallocate': {
        const { name, tag } = compiled
        if (name === undefined) prepared.clear()
        else if (!prepared.delete(name)) {
          throw noStatement(name)
        }
        return { tag, fields: [], notices: [] }
      }
      case 'prepare': {
        const { name, text, types } = compiled
        if (prepared.has(name)) {
          throw new MillraceError(Code.DuplicateStatement, `prepared statement "${name}" already exists`)
        }
        prepared.set(name, { plan: await this.#readyFor(text, types, options) })
        return { tag: 'PREPARE', fields: [], notices: [] }
      }
      case 'copy_to':
        return await this.#copies.to(compiled, scope, options)
      case 'copy_from':
        return await this.#copies.from(compiled, scope, options)
      case 'execute':
        throw new MillraceError(Code.FeatureNotSupported, 'a prepared statement cannot execute another')
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

  #set(settings: Settings, name: string, value: string | null): void {
    if (!this.#limits.set(name, value)) settings.set(name, value)
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
    const { epoch, rows } = await this.engine.execute(command)
    this.#catalog = new CatalogSnapshot(this.engine.catalog())
    this.#compiled.clear()
    this.#ready.clear()
    const { counted } = compiled
    return { tag: counted === undefined ? tag : `${counted} ${rows}`, fields: [], epoch, notices }
  }
}

/** The columns of the rows that it gives, if it gives some. */
function fieldsOf(planned: Planned): readonly Field[] | undefined {
  return planned.kind === 'query' || planned.kind === 'rows' || planned.kind === 'dml' ? planned.fields : undefined
}

function single(heads: readonly StatementHead[]): void {
  if (heads.length <= 1) return
  throw new MillraceError(Code.SyntaxError, 'cannot run several statements as one', {
    detail: `The text has ${heads.length} statements.`,
    hint: 'Use execute() for a script.',
  })
}

/** What the catalog's statements give: rows of text. */
function textFields(fields: readonly Field[]): Field[] {
  return fields.map((field) => ({ ...field, data_type: TEXT }))
}

function noStatement(name: string): MillraceError {
  return new MillraceError(Code.InvalidStatementName, `prepared statement "${name}" does not exist`)
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
