/** A connection's bytes as messages. A start-up message has no type byte; all others have. */
import { Code } from '../../sql/index.js'
import { MillraceError } from '../native/errors.js'

export interface Message {
  /** Its letter; none for start-up messages. */
  readonly type: string
  readonly body: Buffer
}

/** As PostgreSQL's limits. */
const STARTUP_BYTES_MAX = 10_000
/** A statement and its parameters; PostgreSQL's own limit, a gigabyte, would let one client take all of the memory. */
const MESSAGE_BYTES_MAX = 256 << 20
/** What can be said before a password was. */
const UNKNOWN_BYTES_MAX = 10_000

export class MessageReader {
  /** Whether the next message is of the start-up kind. */
  starting = true
  /** Whether it is known who is speaking. */
  known = false
  #chunks: Buffer[] = []
  #bytes = 0

  /** Bytes that are no whole message yet. */
  get pending(): number {
    return this.#bytes
  }

  add(chunk: Buffer): void {
    this.#chunks.push(chunk)
    this.#bytes += chunk.length
  }

  /** The next message, if all of it is there; throws at a length that cannot be. */
  next(): Message | undefined {
    const head = this.starting ? 4 : 5
    if (this.#bytes < head) return undefined
    const start = this.#front(head)
    const length = start.readInt32BE(head - 4)
    const max = this.starting ? STARTUP_BYTES_MAX : this.known ? MESSAGE_BYTES_MAX : UNKNOWN_BYTES_MAX
    if (length < 4 || length > max) {
      throw new MillraceError(Code.ProtocolViolation, `invalid message length: ${length}`, {
        detail: `A message may have up to ${max} bytes here.`,
      })
    }
    const whole = head - 4 + length
    if (this.#bytes < whole) return undefined
    const bytes = this.#front(whole)
    const [first] = this.#chunks
    this.#bytes -= whole
    if (first === undefined || first.length === whole) this.#chunks.shift()
    else this.#chunks[0] = first.subarray(whole)
    return {
      type: this.starting ? '' : String.fromCharCode(bytes.readUInt8(0)),
      body: bytes.subarray(head, whole),
    }
  }

  /** The type of the message that comes next, if it has begun to. */
  peek(): string | undefined {
    const [first] = this.#chunks
    return this.starting || first === undefined ? undefined : String.fromCharCode(first[0] ?? 0)
  }

  /** At least so many bytes in one piece; pieces of a long message are put together once, when all are there. */
  #front(length: number): Buffer {
    const [first] = this.#chunks
    if (first !== undefined && first.length >= length) return first
    const all = Buffer.concat(this.#chunks)
    this.#chunks = [all]
    return all
  }
}
