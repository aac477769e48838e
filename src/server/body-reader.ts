/** The fields of one message from a client. What it says of itself is trusted in nothing: a field beyond its end is 08P01. */
import { Code } from '../../sql/index.js'
import { MillraceError } from '../native/errors.js'

export class BodyReader {
  readonly #body: Buffer
  #at = 0

  constructor(body: Buffer) {
    this.#body = body
  }

  get remaining(): number {
    return this.#body.length - this.#at
  }

  int16(): number {
    return this.#body.readInt16BE(this.#take(2))
  }

  uint16(): number {
    return this.#body.readUInt16BE(this.#take(2))
  }

  int32(): number {
    return this.#body.readInt32BE(this.#take(4))
  }

  uint32(): number {
    return this.#body.readUInt32BE(this.#take(4))
  }

  /** One letter, as Describe and Close have. */
  letter(): string {
    return String.fromCharCode(this.#body.readUInt8(this.#take(1)))
  }

  bytes(length: number): Buffer {
    if (length < 0) throw malformed()
    const at = this.#take(length)
    return this.#body.subarray(at, at + length)
  }

  /** A text that ends with a zero byte. */
  text(): string {
    const end = this.#body.indexOf(0, this.#at)
    if (end < 0) throw malformed()
    const bytes = this.#body.subarray(this.#at, end)
    this.#at = end + 1
    return decodeText(bytes)
  }

  end(): void {
    if (this.remaining > 0) throw malformed()
  }

  #take(length: number): number {
    const at = this.#at
    if (at + length > this.#body.length) throw malformed()
    this.#at = at + length
    return at
  }
}

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

export function decodeText(bytes: Uint8Array): string {
  try {
    return decoder.decode(bytes)
  } catch {
    throw new MillraceError(Code.CharacterNotInRepertoire, 'invalid byte sequence for encoding "UTF8"')
  }
}

function malformed(): MillraceError {
  return new MillraceError(Code.ProtocolViolation, 'invalid message format')
}
