/** A client that says whatever it is told to, and notes what it hears. */
import { connect, type Socket } from 'node:net'

export interface Heard {
  readonly type: string
  readonly body: Buffer
}

export class RawClient {
  readonly #socket: Socket
  #bytes = Buffer.alloc(0)
  #ended = false
  #wake: () => void = () => undefined

  private constructor(socket: Socket) {
    this.#socket = socket
    socket.on('data', (chunk) => {
      this.#bytes = Buffer.concat([this.#bytes, chunk])
      this.#wake()
    })
    const end = () => {
      this.#ended = true
      this.#wake()
    }
    socket.on('end', end)
    socket.on('error', end)
    socket.on('close', end)
  }

  static async connect(port: number): Promise<RawClient> {
    const socket = connect(port, '127.0.0.1')
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', resolve)
      socket.once('error', reject)
    })
    return new RawClient(socket)
  }

  /** A connection that is through the start-up. */
  static async started(port: number): Promise<RawClient> {
    const client = await RawClient.connect(port)
    client.send(startup({ user: 'me', database: 'any' }))
    await client.until('Z')
    return client
  }

  send(...messages: readonly Buffer[]): void {
    this.#socket.write(Buffer.concat(messages))
  }

  /** The next message; none when the server has gone. */
  async next(): Promise<Heard | undefined> {
    for (;;) {
      if (this.#bytes.length >= 5) {
        const end = 1 + this.#bytes.readInt32BE(1)
        if (this.#bytes.length >= end) {
          const heard = { type: String.fromCharCode(this.#bytes[0]!), body: this.#bytes.subarray(5, end) }
          this.#bytes = this.#bytes.subarray(end)
          return heard
        }
      }
      if (this.#ended) return undefined
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
  }

  /** One byte, as the answer to a request for TLS. */
  async byte(): Promise<string> {
    while (this.#bytes.length === 0 && !this.#ended) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
    const byte = String.fromCharCode(this.#bytes[0] ?? 0)
    this.#bytes = this.#bytes.subarray(1)
    return byte
  }

  /** All messages up to one of that type, or to the end. */
  async until(type: string): Promise<Heard[]> {
    const all: Heard[] = []
    for (;;) {
      const heard = await this.next()
      if (heard === undefined) return all
      all.push(heard)
      if (heard.type === type) return all
    }
  }

  close(): void {
    this.#socket.destroy()
  }
}

export function startup(parameters: Readonly<Record<string, string>>, version = 0x0003_0000): Buffer {
  const body = Object.entries(parameters).flat()
  const bytes = Buffer.from([...body.map((text) => `${text}\0`), '\0'].join(''))
  return Buffer.concat([int32(bytes.length + 8), int32(version), bytes])
}

export function message(type: string, ...parts: readonly (string | Buffer)[]): Buffer {
  const body = Buffer.concat(parts.map((part) => (typeof part === 'string' ? Buffer.from(`${part}\0`) : part)))
  return Buffer.concat([Buffer.from(type), int32(body.length + 4), body])
}

export function int32(value: number): Buffer {
  const buffer = Buffer.alloc(4)
  buffer.writeInt32BE(value | 0)
  return buffer
}

export function int16(value: number): Buffer {
  const buffer = Buffer.alloc(2)
  buffer.writeUInt16BE(value)
  return buffer
}

/** The fields of an ErrorResponse, by letter. */
export function errorOf(heard: Heard | undefined): Record<string, string> {
  if (heard?.type !== 'E') throw new Error(`an error was expected, not ${heard?.type}`)
  const fields = heard.body.toString().split('\0').filter(Boolean)
  return Object.fromEntries(fields.map((field) => [field[0]!, field.slice(1)]))
}

/** The values of a DataRow as text. */
export function valuesOf({ body }: Heard): (string | null)[] {
  const values: (string | null)[] = []
  let at = 2
  for (let left = body.readInt16BE(0); left > 0; left--) {
    const length = body.readInt32BE(at)
    at += 4
    values.push(length < 0 ? null : body.subarray(at, at + length).toString())
    at += Math.max(0, length)
  }
  return values
}
