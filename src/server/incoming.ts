/** What comes from a client: messages for who asks for them, and requests that are answered where they come in. The socket is read
 *  only as fast as messages are asked for. */
import type { Socket } from 'node:net'
import type { Message, MessageReader } from './message-reader.js'

interface Waiting {
  readonly resolve: (message: Message | undefined) => void
  readonly reject: (error: unknown) => void
}

export class Incoming {
  readonly #socket: Socket
  readonly #reader: MessageReader
  #waiting: Waiting | undefined
  #ended = false
  /** Asked of what comes while a message is waited for: whether all of it was answered. */
  atOnce: ((chunk: Buffer) => boolean) | undefined

  constructor(socket: Socket, reader: MessageReader) {
    this.#socket = socket
    this.#reader = reader
    socket.on('data', this.#came)
    socket.on('end', this.#end)
    socket.on('close', this.#end)
    socket.on('error', this.#end)
  }

  /** The next message; undefined when the client has gone. One call at a time. */
  next(): Promise<Message | undefined> {
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject }
      this.#give()
      if (this.#waiting !== undefined && this.#socket.isPaused()) this.#socket.resume()
    })
  }

  /** Leaves the socket to another. */
  stop(): void {
    const socket = this.#socket
    socket.pause()
    socket.off('data', this.#came)
    socket.off('end', this.#end)
    socket.off('close', this.#end)
    socket.off('error', this.#end)
  }

  readonly #came = (chunk: Buffer): void => {
    if (this.#waiting !== undefined && this.#reader.pending === 0 && this.atOnce?.(chunk)) {
      if (this.#socket.writableNeedDrain) this.#hold()
      return
    }
    this.#reader.add(chunk)
    this.#give()
    if (this.#waiting === undefined) this.#socket.pause()
  }

  readonly #end = (): void => {
    this.#ended = true
    this.#give()
  }

  /** Reads no more until the client has read. */
  #hold(): void {
    this.#socket.pause()
    this.#socket.once('drain', () => {
      if (this.#waiting !== undefined) this.#socket.resume()
    })
  }

  #give(): void {
    const waiting = this.#waiting
    if (waiting === undefined) return
    try {
      const message = this.#reader.next()
      if (message === undefined && !this.#ended) return
      this.#waiting = undefined
      waiting.resolve(message)
    } catch (error) {
      this.#waiting = undefined
      waiting.reject(error)
    }
  }
}
