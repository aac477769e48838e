/** The extended protocol of one client: Parse plans a statement, Bind gives it values, Execute hands out its rows. */
import { Code, type DataType, type Expr } from '../../sql/index.js'
import type { Session } from '../engine/session.js'
import { MillraceError } from '../native/errors.js'
import type { BodyReader } from './body-reader.js'
import { asBuffer, type Connection, withCount } from './connection.js'
import * as messages from './messages.js'
import { parameterValue } from './parameter-values.js'
import { Portal, type Prepared } from './portal.js'
import { declaredType, wireTypeOf } from './wire-types.js'

/** Statements and portals of one client. */
const KEPT_MAX = 10_000
const SYNC = 'S'

export class Extended {
  readonly #connection: Connection
  readonly #session: Session
  readonly #portals = new Map<string, Portal>()

  constructor(connection: Connection) {
    this.#connection = connection
    this.#session = connection.session
  }

  /** Portals end with their transaction. */
  forgetPortals(): void {
    if (this.#portals.size > 0) this.#portals.clear()
  }

  forgetUnnamed(): void {
    this.#connection.statements.delete('')
    this.#portals.delete('')
  }

  async handle(type: string, reader: BodyReader, next: string | undefined): Promise<void> {
    switch (type) {
      case 'P':
        return await this.#parse(reader)
      case 'B':
        return this.#bind(reader)
      case 'D':
        return this.#describe(reader)
      case 'E':
        return await this.#execute(reader, next)
      case 'C': {
        const kind = reader.letter()
        const name = reader.text()
        if (kind === 'S') this.#connection.statements.delete(name)
        else this.#portals.delete(name)
        this.#connection.out.send(messages.closeComplete)
        return
      }
      case 'F':
        throw new MillraceError(Code.FeatureNotSupported, 'function calls of the protocol are not supported', {
          hint: 'Use SELECT function(…).',
        })
      default:
        throw new MillraceError(Code.ProtocolViolation, `invalid frontend message type ${JSON.stringify(type)}`)
    }
  }

  async #parse(reader: BodyReader): Promise<void> {
    const { statements, options, out } = this.#connection
    const name = reader.text()
    const text = reader.text()
    const oids = Array.from({ length: reader.uint16() }, () => reader.uint32())
    reader.end()
    if (name !== '' && statements.has(name)) {
      throw new MillraceError(Code.DuplicateStatement, `prepared statement "${name}" already exists`)
    }
    if (statements.size >= KEPT_MAX) {
      throw new MillraceError(Code.InsufficientResources, `a connection may have ${KEPT_MAX} prepared statements`)
    }
    const declared = oids.map((oid, index) => declaredType(oid, index + 1))
    const plan = await this.#session.prepare(text, declared, options)
    statements.set(name, { plan, parameterOids: oids })
    out.send(messages.parseComplete)
  }

  #bind(reader: BodyReader): void {
    const name = reader.text()
    const statementName = reader.text()
    const statement = this.#statement(statementName)
    const formats = Array.from({ length: reader.uint16() }, () => reader.uint16())
    const values = Array.from({ length: reader.uint16() }, () => {
      const length = reader.int32()
      return length === -1 ? null : reader.bytes(length)
    })
    const resultFormats = Array.from({ length: reader.uint16() }, () => reader.uint16())
    reader.end()
    if (formats.length > 1 && formats.length !== values.length) {
      const message = `bind message has ${formats.length} parameter formats but ${values.length} parameters`
      throw new MillraceError(Code.ProtocolViolation, message)
    }
    const { types } = statement.plan
    if (values.length !== types.length) {
      const which = name === '' ? '' : ` "${name}"`
      const message = `bind message supplies ${values.length} parameters, but prepared statement${which} requires ${types.length}`
      throw new MillraceError(Code.ProtocolViolation, message)
    }
    if (resultFormats.some((format) => format > 1)) {
      throw new MillraceError(Code.InvalidParameterValue, 'a format code is neither 0 nor 1')
    }
    if (name !== '' && this.#portals.has(name)) {
      throw new MillraceError(Code.DuplicateCursor, `cursor "${name}" already exists`)
    }
    if (this.#portals.size >= KEPT_MAX) {
      throw new MillraceError(Code.InsufficientResources, `a connection may have ${KEPT_MAX} portals`)
    }
    const parameters = values.map((bytes, index): Expr => {
      const format = formats.length === 1 ? formats[0]! : (formats[index] ?? 0)
      return {
        op: 'literal',
        literal: parameterValue(bytes, oidOf(statement, types[index]!, index), format, index + 1),
      }
    })
    this.#portals.set(name, new Portal(statementName, statement, parameters, resultFormats))
    this.#connection.out.send(messages.bindComplete)
  }

  #describe(reader: BodyReader): void {
    const { out } = this.#connection
    const kind = reader.letter()
    const name = reader.text()
    reader.end()
    const portal = kind === 'S' ? undefined : this.#portal(name)
    const statement = portal?.statement ?? this.#statement(name)
    const { types, fields } = statement.plan
    if (portal === undefined) {
      out.send(messages.parameterDescription(types.map((type, index) => oidOf(statement, type, index))))
    }
    out.send(fields === undefined ? messages.noData : messages.rowDescription(fields, portal?.formats ?? []))
  }

  async #execute(reader: BodyReader, next: string | undefined): Promise<void> {
    const { out } = this.#connection
    const portal = this.#portal(reader.text())
    const limit = Math.max(0, reader.int32())
    reader.end()
    if (portal.outcome === undefined) {
      const { plan } = portal.statement
      if (plan.head === undefined) {
        out.send(messages.emptyQueryResponse)
        return
      }
      // What comes between two Syncs is one transaction; a statement alone commits by itself.
      if (next !== SYNC) await this.#session.beginImplicit(plan.head, this.#connection.scope)
      else if (this.#connection.scope.implicit) await this.#session.endBefore(plan.head, this.#connection.scope)
      const outcome = await this.#connection.cancellable(
        async (signal) =>
          await this.#session.execute(plan, portal.parameters, {
            ...this.#connection.options,
            formats: portal.formats,
            signal,
          }),
      )
      this.#connection.notices(outcome)
      if (outcome.wire !== undefined) this.#learn(portal)
      const { ipc } = outcome
      const rows =
        outcome.wire ?? (ipc === undefined ? undefined : await this.#session.engine.dataRows(ipc, portal.formats))
      portal.fill(outcome, asBuffer(rows?.bytes ?? new Uint8Array()))
    }
    const { outcome } = portal
    const { bytes, rows } = portal.take(limit)
    await out.bulk(bytes)
    if (!portal.done) out.send(messages.portalSuspended)
    else
      out.send(
        messages.commandComplete(outcome?.ipc || outcome?.wire ? withCount(outcome.tag, rows) : (outcome?.tag ?? '')),
      )
    await out.sent()
  }

  /** What was answered at once is known from now on, if it is a look-up. */
  #learn({ name, statement }: Portal): void {
    const { statements, shortcut, canShorten } = this.#connection
    // It may have been exchanged for another since Bind.
    if (!canShorten || statements.get(name) !== statement) return
    const lookUp = this.#session.lookUp(statement.plan)
    if (lookUp === undefined) return
    const oids = statement.plan.types.map((type, index) => oidOf(statement, type, index))
    shortcut.learnStatement(name, statement, oids, lookUp)
  }

  #statement(name: string): Prepared {
    const statement = this.#connection.statements.get(name)
    if (statement !== undefined) return statement
    const shown = name === '' ? 'unnamed prepared statement' : `prepared statement "${name}"`
    throw new MillraceError(Code.InvalidStatementName, `${shown} does not exist`)
  }

  #portal(name: string): Portal {
    const portal = this.#portals.get(name)
    if (portal !== undefined) return portal
    throw new MillraceError(Code.InvalidCursorName, `portal "${name}" does not exist`)
  }
}

/** What the client has declared, else what the statement has found. */
function oidOf({ parameterOids }: Prepared, type: DataType, index: number): number {
  return parameterOids?.[index] || wireTypeOf(type).oid
}
