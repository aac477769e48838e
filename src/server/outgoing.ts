/** What goes to a client: gathered into few writes, and held back while the client does not read. */
import type { Socket } from 'node:net'

/** Gathered bytes that are written without waiting for more; also the size of one write of a large result. */
const WRITE_BYTES = 64 << 10

export class Outgoing {
  readonly #socket: Socket
  #waiting: Buffer[] = []
  #bytes = 0

  constructor(socket: Socket) {
    this.#socket = socket
  }

  /** Adds a message to the next write. */
  send(message: Buffer): void {
    this.#waiting.push(message)
    this.#bytes += message.length
  }

  /** Writes what was gathered, if it is much. */
  async sent(): Promise<void> {
    if (this.#bytes >= WRITE_BYTES) await this.flush()
  }

  /** Writes what was gathered; waits while the client has more than enough to read. */
  async flush(): Promise<void> {
    if (this.#bytes === 0) return
    const [first, ...more] = this.#waiting
    const all = more.length === 0 && first !== undefined ? first : Buffer.concat(this.#waiting)
    this.#waiting = []
    this.#bytes = 0
    await this.#write(all)
  }

  /** Many bytes, in writes that the client can follow. */
  async bulk(bytes: Buffer): Promise<void> {
    if (bytes.length < WRITE_BYTES) {
      this.send(bytes)
      return await this.sent()
    }
    await this.flush()
    for (let at = 0; at < bytes.length; at += WRITE_BYTES) await this.#write(bytes.subarray(at, at + WRITE_BYTES))
  }

  #write(bytes: Buffer): Promise<void> | undefined {
    const socket = this.#socket
    if (socket.destroyed || socket.write(bytes)) return undefined
    return new Promise((resolve) => {
      const done = () => {
        socket.off('drain', done)
        socket.off('close', done)
        resolve()
      }
      socket.on('drain', done)
      socket.on('close', done)
    })
  }
}
