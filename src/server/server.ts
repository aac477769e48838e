/** The PostgreSQL server: listens, lets clients in, and ends them with itself. */
import { randomInt } from 'node:crypto'
import { type AddressInfo, createServer, type Server as NetServer, type Socket } from 'node:net'
import { createSecureContext, type SecureContext, TLSSocket } from 'node:tls'
import { Code } from '../../sql/index.js'
import type { Session } from '../engine/session.js'
import { canceled, MillraceError } from '../native/errors.js'
import { Connection } from './connection.js'
import { applyStartup, authenticate, fatal, greet, readStartup } from './handshake.js'
import { Incoming } from './incoming.js'
import { type Message, MessageReader } from './message-reader.js'
import { negotiateProtocolVersion } from './messages.js'
import { type Verifier, verifierOf } from './scram.js'
import { LookUps } from './shortcut.js'

export interface ListenOptions {
  /** `127.0.0.1` if not given. An address that others can reach needs a password. */
  readonly host?: string
  /** 5432 if not given; 0 is any free one. */
  readonly port?: number
  /** Asked of every client (SCRAM-SHA-256), whatever user and database it names. Without one all are let in. */
  readonly password?: string
  /** PEM: clients may then ask for TLS. */
  readonly tls?: { readonly key: string; readonly cert: string }
  /** 100 if not given. */
  readonly maxConnections?: number
  /** Ends clients that say nothing for so long; never if not given. */
  readonly idleTimeoutMs?: number
}

const PORT = 5432
const CONNECTIONS_MAX = 100
/** From the connection to the end of the password. */
const HANDSHAKE_MS = 60_000
/** What a client has to take what it was sent, when the server ends. */
const GOODBYE_MS = 1000

/** A client that is through the door. */
interface Client {
  readonly connection: Connection
  readonly secret: number
}

export class Server {
  readonly #session: Session
  readonly #net: NetServer
  readonly #verifier: Verifier | undefined
  readonly #secure: SecureContext | undefined
  readonly #connectionsMax: number
  readonly #idleMs: number
  readonly #lookUps = new LookUps()
  readonly #sockets = new Map<Socket, Promise<void>>()
  readonly #clients = new Map<number, Client>()
  #address: AddressInfo | undefined
  #closing = false

  private constructor(session: Session, options: ListenOptions, verifier: Verifier | undefined) {
    this.#session = session
    this.#verifier = verifier
    this.#secure = options.tls === undefined ? undefined : createSecureContext(options.tls)
    this.#connectionsMax = options.maxConnections ?? CONNECTIONS_MAX
    this.#idleMs = options.idleTimeoutMs ?? 0
    this.#net = createServer({ noDelay: true }, (socket) => this.#accept(socket))
  }

  /** Rejects when the address is taken, or open to others without a password. */
  static async listen(session: Session, options: ListenOptions): Promise<Server> {
    const { host = '127.0.0.1', port = PORT, password } = options
    if (password === undefined && !isLoopback(host)) {
      throw new MillraceError(Code.InvalidAuthorization, `refusing to listen on "${host}" without a password`, {
        hint: 'Set a password, or listen on 127.0.0.1.',
      })
    }
    if (password === '') throw new MillraceError(Code.InvalidPassword, 'the password is empty')
    const verifier = password === undefined ? undefined : await verifierOf(password)
    const server = new Server(session, options, verifier)
    await new Promise<void>((resolve, reject) => {
      const failed = (error: NodeJS.ErrnoException) => {
        const code = error.code === 'EADDRINUSE' ? Code.ObjectInUse : Code.ConnectionException
        const message = `could not listen on ${host}:${port}: ${error.code ?? error.message}`
        reject(new MillraceError(code, message, { cause: error, hint: 'Choose another port, or 0 for any free one.' }))
      }
      server.#net.once('error', failed)
      server.#net.listen(port, host, () => {
        server.#net.off('error', failed)
        server.#address = server.#net.address() as AddressInfo
        // A connection that cannot be accepted is the client's loss, not ours.
        server.#net.on('error', () => undefined)
        resolve()
      })
    })
    return server
  }

  get host(): string {
    return this.#address?.address ?? ''
  }

  get port(): number {
    return this.#address?.port ?? 0
  }

  get connections(): number {
    return this.#clients.size
  }

  /** Takes no more clients, ends those that are here, and waits until all are gone. */
  async close(): Promise<void> {
    if (!this.#closing) {
      this.#closing = true
      this.#net.close()
      const over = new MillraceError(Code.AdminShutdown, 'terminating connection due to administrator command')
      for (const { connection } of this.#clients.values()) connection.cancel(over)
      for (const socket of this.#sockets.keys()) {
        // Who does not read does not hear it.
        const late = setTimeout(() => socket.destroy(), GOODBYE_MS)
        socket.once('close', () => clearTimeout(late))
        socket.end(fatal(over), () => socket.destroy())
      }
    }
    await Promise.all(this.#sockets.values())
  }

  #accept(socket: Socket): void {
    // Who is gone is noticed where something is read or written.
    socket.on('error', () => undefined)
    const served = this.#serve(socket)
      .catch(() => undefined)
      .finally(() => {
        this.#sockets.delete(socket)
        socket.destroy()
      })
    this.#sockets.set(socket, served)
  }

  async #serve(raw: Socket): Promise<void> {
    const handshake = setTimeout(() => raw.destroy(), HANDSHAKE_MS)
    let process: number | undefined
    const connections: Connection[] = []
    try {
      const reader = new MessageReader()
      let socket = raw
      let input = new Incoming(socket, reader)
      for (;;) {
        const message = await input.next()
        if (message === undefined) return
        const startup = readStartup(message)
        if (startup.kind === 'cancel') return this.#cancel(startup.process, startup.secret)
        if (startup.kind === 'session') {
          const incoming = input
          const next = () => incoming.next()
          const connection = new Connection(socket, this.#session, this.#lookUps, next)
          connections.push(connection)
          process = await this.#letIn(connection, startup, reader, next)
          if (process === undefined) return
          clearTimeout(handshake)
          await connection.ready()
          if (this.#idleMs > 0) {
            const idle = new MillraceError(
              Code.IdleSessionTimeout,
              'terminating connection due to idle-session timeout',
            )
            socket.setTimeout(this.#idleMs, () => socket.end(fatal(idle), () => socket.destroy()))
          }
          incoming.atOnce = (chunk) => connection.atOnce(chunk)
          for (;;) {
            const asked = await next()
            if (asked === undefined || !(await connection.handle(asked, reader.peek()))) return
          }
        }
        if (startup.kind === 'gss' || this.#secure === undefined || socket !== raw) {
          socket.write('N')
          continue
        }
        // What came in the same packet was not encrypted: it may be anybody's.
        if (reader.pending > 0) {
          throw new MillraceError(Code.ProtocolViolation, 'received unencrypted data after SSL request')
        }
        raw.write('S')
        input.stop()
        socket = new TLSSocket(raw, { isServer: true, secureContext: this.#secure })
        socket.on('error', () => raw.destroy())
        input = new Incoming(socket, reader)
      }
    } catch (error) {
      const last = connections.at(-1)
      if (last === undefined) raw.write(fatal(error))
      else {
        last.out.send(fatal(error))
        await last.out.flush()
      }
      await new Promise<void>((resolve) => raw.end(resolve))
    } finally {
      clearTimeout(handshake)
      if (process !== undefined) this.#clients.delete(process)
      for (const connection of connections) await connection.end()
    }
  }

  /** Gives the client its number, or nothing when it has gone. */
  async #letIn(
    connection: Connection,
    startup: { readonly parameters: ReadonlyMap<string, string>; readonly minor: number },
    reader: MessageReader,
    next: () => Promise<Message | undefined>,
  ): Promise<number | undefined> {
    reader.starting = false
    const { parameters, minor } = startup
    const unknown = [...parameters.keys()].filter((name) => name.startsWith('_pq_.'))
    if (minor > 0 || unknown.length > 0) connection.out.send(negotiateProtocolVersion(unknown))
    applyStartup(parameters, connection.settings)
    const user = parameters.get('user') ?? ''
    if (!(await authenticate(this.#verifier, user, connection.out, next))) return undefined
    reader.known = true
    if (this.#closing) throw new MillraceError(Code.AdminShutdown, 'the database system is shutting down')
    if (this.#clients.size >= this.#connectionsMax) {
      throw new MillraceError(Code.TooManyConnections, 'sorry, too many clients already')
    }
    let process = randomInt(1, 0x7fff_ffff)
    while (this.#clients.has(process)) process = randomInt(1, 0x7fff_ffff)
    const secret = randomInt(-0x8000_0000, 0x8000_0000)
    this.#clients.set(process, { connection, secret })
    const database = parameters.get('database') ?? user
    connection.settings.as({ session_authorization: user, $database: database, $pid: String(process) })
    greet(connection.out, connection.settings, user, process, secret)
    return process
  }

  /** A cancel request has no answer, whether it was right or not. */
  #cancel(process: number, secret: number): void {
    const client = this.#clients.get(process)
    if (client?.secret === secret) client.connection.cancel(canceled(undefined))
  }
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127(\.\d{1,3}){3}$/.test(host)
}
