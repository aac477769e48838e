/** Look-ups by key that were run before are answered by the engine from the client's own bytes, in one call; here it is told which
 *  these are. Everything else goes the long way, also what of these fails. */
import type { PreparedPlan } from '../engine/prepared-statements.js'
import type { NativeEngine, NativeLookUp, NativeShortcut } from '../native/native.js'
import { rowDescription } from './messages.js'
import type { Prepared } from './portal.js'
import { wireTypeOf } from './wire-types.js'

/** Longer requests are none of look-ups; longer answers go the long way. */
const REQUEST_BYTES_MAX = 4 << 10
const ANSWER_BYTES_MAX = 32 << 10
/** Answers are written one behind the other into pieces of memory of this size. */
const BLOCK_BYTES = 256 << 10
const UNNAMED_MAX = 4096

/** What the engine knows for all clients of a server: the unnamed statements by the numbers that it gives back. */
export class LookUps {
  readonly #numbers = new Map<string, number>()
  readonly #unnamed: Prepared[] = []
  #block = Buffer.allocUnsafeSlow(BLOCK_BYTES)
  #used = 0

  /** What `native` answers, if it does. */
  answer(asked: Buffer, native: NativeShortcut): Buffer | undefined {
    // A block is never written twice, as its answers may not be sent yet.
    if (this.#used + ANSWER_BYTES_MAX > BLOCK_BYTES) {
      this.#block = Buffer.allocUnsafeSlow(BLOCK_BYTES)
      this.#used = 0
    }
    const length = native.answer(asked, this.#block, this.#used)
    if (length === 0) return undefined
    this.#used += length
    return this.#block.subarray(this.#used - length, this.#used)
  }

  /** Undefined when there are too many. */
  number(prepared: Prepared): number | undefined {
    const key = `${prepared.parameterOids?.join() ?? ''} ${prepared.plan.text}`
    const known = this.#numbers.get(key) ?? this.#numbers.size
    if (known >= UNNAMED_MAX) return undefined
    this.#numbers.set(key, known)
    this.#unnamed[known] = prepared
    return known
  }

  unnamed(number: number): Prepared | undefined {
    return this.#unnamed[number]
  }
}

export class Shortcut {
  readonly #engine: NativeEngine
  readonly #known: LookUps
  #own: NativeShortcut | undefined

  constructor(engine: NativeEngine, known: LookUps) {
    this.#engine = engine
    this.#known = known
  }

  /** The answer to all that was asked, if it is known. */
  answer(asked: Buffer): Buffer | undefined {
    if (asked.length > REQUEST_BYTES_MAX) return undefined
    const native = this.#native
    return native && this.#known.answer(asked, native)
  }

  /** The simple protocol's text was run by this plan. */
  learnQuery({ text, types, fields = [] }: PreparedPlan, lookUp: NativeLookUp): void {
    const oids = types.map((type) => wireTypeOf(type).oid)
    this.#native?.learnQuery(text, lookUp, rowDescription(fields, []), oids)
  }

  /** A statement of the extended protocol was run. `oids` are the types of its values. */
  learnStatement(name: string, prepared: Prepared, oids: readonly number[], lookUp: NativeLookUp): void {
    const { text, fields = [] } = prepared.plan
    const { parameterOids = [] } = prepared
    const number = name === '' ? this.#known.number(prepared) : 0
    if (number === undefined) return
    const description = rowDescription(fields, [])
    this.#native?.learnStatement(name, text, [...parameterOids], lookUp, description, [...oids], number)
  }

  forget(name: string): void {
    this.#own?.forget(name)
  }

  forgetAll(): void {
    this.#own?.forgetAll()
  }

  /** The unnamed statement, if it was made on this way since this was asked. */
  takeUnnamed(): Prepared | undefined {
    const number = this.#own?.takeUnnamed()
    return number === undefined || number === null ? undefined : this.#known.unnamed(number)
  }

  get #native(): NativeShortcut | undefined {
    this.#own ??= this.#engine.shortcut()
    return this.#own
  }
}

/** A client's prepared statements: what they no longer are is told to the shortcut. */
export class Statements extends Map<string, Prepared> {
  readonly #shortcut: Shortcut

  constructor(shortcut: Shortcut) {
    super()
    this.#shortcut = shortcut
  }

  override set(name: string, statement: Prepared): this {
    this.#shortcut.forget(name)
    return super.set(name, statement)
  }

  override delete(name: string): boolean {
    if (!super.delete(name)) return false
    this.#shortcut.forget(name)
    return true
  }

  override clear(): void {
    this.#shortcut.forgetAll()
    super.clear()
  }
}
