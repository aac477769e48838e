/** COPY as the session runs it: from and to files of this machine, or the client's standard input and output. */
import { Code, type Expr, PLAN_VERSION, type Rel } from '../../../sql/index.js'
import { canceled, MillraceError, toMillraceError } from '../../native/errors.js'
import type { NativeEngine } from '../../native/native.js'
import type { Planned } from '../planning/script.js'
import type { Outcome, RunOptions } from '../session.js'
import { TransactionScope } from '../transaction-scope.js'
import type { Transactions } from '../transactions.js'
import { copyFrom } from './copy-from.js'
import { copyText, rowTexts } from './copy-to.js'
import { fieldValue } from './field-value.js'
import { readFile, writeFile } from './files.js'

/** Who has the standard input and output. */
export interface CopyPeer {
  /** The text of so many columns, in parts. */
  input(columns: number): AsyncIterable<Uint8Array>
  /** Takes all parts; gives what their generator returns. */
  output(columns: number, parts: Iterator<string, number>): Promise<number>
}

export class Copies {
  readonly #engine: NativeEngine
  readonly #transactions: Transactions

  constructor(engine: NativeEngine, transactions: Transactions) {
    this.#engine = engine
    this.#transactions = transactions
  }

  async to(
    plan: Extract<Planned, { kind: 'copy_to' }>,
    scope: TransactionScope,
    options: RunOptions,
  ): Promise<Outcome> {
    const { fields, form, path } = plan
    const ipc = await this.#engine.query(scope.inside(plan.command), options.signal)
    const { bytes } = await this.#engine.dataRows(ipc, [])
    const parts = copyText(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength), fields, form)
    const count = path === null ? await peerOf(options).output(fields.length, parts) : await writeFile(path, parts)
    return done(count)
  }

  /** All rows or none: outside of a transaction it has one of its own. */
  async from(
    plan: Extract<Planned, { kind: 'copy_from' }>,
    scope: TransactionScope,
    options: RunOptions,
  ): Promise<Outcome> {
    const { columns, path } = plan
    const chunks = path === null ? peerOf(options).input(columns.length) : readFile(path)
    const own = scope.id === null ? new TransactionScope(true) : undefined
    if (own !== undefined) await this.#transactions.begin(own, false)
    const { id } = own ?? scope
    if (id === null) throw new MillraceError(Code.InternalError, 'a COPY without a transaction')
    try {
      const count = await copyFrom(plan, watched(chunks, options.signal), id, this.#engine, (exprs, rows) =>
        this.#defaults(exprs, rows),
      )
      if (own !== undefined) await this.#transactions.commit(own)
      return done(count)
    } catch (error) {
      if (own !== undefined) await this.#transactions.rollback(own).catch(() => undefined)
      throw toMillraceError(error)
    }
  }

  /** The defaults of columns for so many rows. */
  async #defaults(exprs: readonly Expr[], rows: number): Promise<unknown[][]> {
    const types = exprs.map(typeOf)
    const series = { op: 'generate_series', start: 1n, stop: BigInt(rows), step: 1n } as const
    const root: Rel = { op: 'project', input: series, exprs: [...exprs] }
    const names = exprs.map((_, at) => `default${at}`)
    const ipc = await this.#engine.query({ command: 'query', version: PLAN_VERSION, root, names, transaction: null })
    const { bytes } = await this.#engine.dataRows(ipc, [])
    const columns: unknown[][] = exprs.map(() => [])
    for (const texts of rowTexts(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength), exprs.length)) {
      for (const [at, text] of texts.entries()) columns[at]!.push(text === null ? null : fieldValue(text, types[at]!))
    }
    return columns
  }
}

/** A default has the type of its column, which is said at its top. */
function typeOf(expr: Expr) {
  switch (expr.op) {
    case 'call':
    case 'binary':
    case 'case':
      return expr.data_type
    case 'cast':
      return expr.to
    case 'literal':
      return expr.literal.type === 'null'
        ? expr.literal.data_type
        : expr.literal.type === 'numeric'
          ? expr.literal
          : { type: expr.literal.type }
    case 'negate':
      return typeOf(expr.input)
    default:
      return { type: 'boolean' } as const
  }
}

function peerOf({ copy }: RunOptions): CopyPeer {
  if (copy !== undefined) return copy
  throw new MillraceError(
    Code.FeatureNotSupported,
    'COPY with the standard input or output needs a client of the server',
    {
      hint: "Give the path of a file, or use an appender: db.appender('t').",
    },
  )
}

async function* watched(
  chunks: AsyncIterable<Uint8Array>,
  signal: AbortSignal | undefined,
): AsyncGenerator<Uint8Array> {
  for await (const chunk of chunks) {
    if (signal?.aborted) throw canceled(signal.reason)
    yield chunk
  }
}

function done(count: number): Outcome {
  return { tag: `COPY ${count}`, fields: [], rowCount: count, notices: [] }
}
