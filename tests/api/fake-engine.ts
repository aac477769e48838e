/** An engine that notes the commands it gets and answers as told: for what the session and the API do by themselves. */
import { Packr } from 'msgpackr'
import type { Command, Definition } from '../../sql/index.js'
import type { BindingConsumer, BindingEngine, ConsumerNextResult } from '../../src/native/binding-types.js'
import type { NativeError } from '../../src/native/errors.js'

const packr = new Packr({ useRecords: false, int64AsType: 'bigint' })

/** The name of a command and the transaction that it is in. */
export type Seen = string

export class FakeEngine implements BindingEngine {
  readonly seen: Seen[] = []
  readonly commands: Record<string, unknown>[] = []
  /** The error of the next command of that name. */
  readonly errors = new Map<Command['command'], NativeError>()
  /** What a command of that name waits for. */
  readonly gates = new Map<Command['command'], Promise<void>>()
  readonly #definitions: readonly Definition[]
  readonly #consumer: BindingConsumer | undefined
  #transactions = 0n

  constructor(definitions: readonly Definition[] = [], consumer?: BindingConsumer) {
    this.#definitions = definitions
    this.#consumer = consumer
  }

  catalog(): Uint8Array {
    return new Packr({ useRecords: false }).pack(this.#definitions)
  }

  nextRelationId(): number {
    return 100
  }

  async begin(bytes: Uint8Array) {
    const error = await this.#note(bytes)
    if (error) return { error }
    this.#transactions += 1n
    return { transaction: this.#transactions }
  }

  async execute(bytes: Uint8Array) {
    const error = await this.#note(bytes)
    return error ? { error, rows: 0, epoch: 0n } : { rows: 1, epoch: 7n }
  }

  async query(bytes: Uint8Array) {
    const error = await this.#note(bytes)
    return error ? { error } : { error: { code: '57014', message: 'no rows here' } }
  }

  async consumer(bytes: Uint8Array) {
    const error = await this.#note(bytes)
    return error || this.#consumer === undefined ? { ...(error && { error }) } : { consumer: this.#consumer }
  }

  dataRowsNow() {
    return { rows: 0, bytes: new Uint8Array() }
  }

  async dataRows() {
    return this.dataRowsNow()
  }

  upload() {
    return {
      write: () => undefined,
      append: async () => ({ rows: 0, epoch: 0n }),
    }
  }

  async subscribe() {
    return {}
  }

  cancel(): void {}
  resetFreshness(): void {}

  async stats(): Promise<string> {
    return '{}'
  }

  async close() {
    return {}
  }

  async #note(bytes: Uint8Array): Promise<NativeError | undefined> {
    const command = packr.unpack(bytes) as { command: Command['command']; transaction?: bigint | null }
    this.commands.push(command as Record<string, unknown>)
    const { transaction } = command
    this.seen.push(
      transaction === undefined || transaction === null ? command.command : `${command.command} ${transaction}`,
    )
    await this.gates.get(command.command)
    const error = this.errors.get(command.command)
    this.errors.delete(command.command)
    return error
  }
}

/** A consumer that gives what it is told to, and then waits until it is closed. */
export class FakeConsumer implements BindingConsumer {
  readonly answers: ConsumerNextResult[]
  readonly asked: [rows: number, bytes: number][] = []
  readonly seeks: unknown[] = []
  closed = false
  #end: (() => void) | undefined

  constructor(answers: ConsumerNextResult[]) {
    this.answers = answers
  }

  member(): bigint {
    return 5n
  }

  async next(rows: number, bytes: number): Promise<ConsumerNextResult> {
    this.asked.push([rows, bytes])
    const answer = this.answers.shift()
    if (answer !== undefined) return answer
    await new Promise<void>((resolve) => {
      this.#end = resolve
    })
    return { done: true }
  }

  async seek(seek: Uint8Array) {
    this.seeks.push(packr.unpack(seek))
    return {}
  }

  close(): void {
    this.closed = true
    this.#end?.()
  }
}
