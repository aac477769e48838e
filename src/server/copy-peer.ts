/** COPY's standard input and output over the protocol. */
import { Code } from '../../sql/index.js'
import type { CopyPeer } from '../engine/copy/copies.js'
import { canceled, MillraceError } from '../native/errors.js'
import { BodyReader } from './body-reader.js'
import type { Message } from './message-reader.js'
import * as messages from './messages.js'
import type { Outgoing } from './outgoing.js'

export class WirePeer implements CopyPeer {
  readonly #out: Outgoing
  readonly #next: () => Promise<Message | undefined>

  constructor(out: Outgoing, next: () => Promise<Message | undefined>) {
    this.#out = out
    this.#next = next
  }

  /** The socket is read as fast as rows are taken. */
  async *input(columns: number): AsyncGenerator<Uint8Array, undefined> {
    this.#out.send(messages.copyResponse('in', columns))
    await this.#out.flush()
    for (;;) {
      const message = await this.#next()
      switch (message?.type) {
        case 'd':
          yield message.body
          break
        case 'c':
          return undefined
        case 'f':
          throw canceled(undefined, `COPY from stdin failed: ${new BodyReader(message.body).text()}`)
        case 'H':
        case 'S':
          break
        case undefined:
          throw new MillraceError(
            Code.ConnectionException,
            'unexpected EOF on client connection with an open transaction',
          )
        default:
          throw new MillraceError(
            Code.ProtocolViolation,
            `unexpected message type ${JSON.stringify(message?.type)} during COPY from stdin`,
          )
      }
    }
  }

  async output(columns: number, parts: Iterator<string, number>): Promise<number> {
    this.#out.send(messages.copyResponse('out', columns))
    for (;;) {
      const { done, value } = parts.next()
      if (done === true) {
        this.#out.send(messages.copyDone)
        return value
      }
      this.#out.send(messages.copyData(value))
      await this.#out.sent()
    }
  }
}
