/** A text's statements on their way to the engine, wherever they are parsed and planned: here, or on the planning thread. */
import type { Command, Compiled, Literal, Statement } from '../../../sql/index.js'
import type { EncodedCommand } from '../../native/encode.js'
import type { CatalogSnapshot } from './catalog-snapshot.js'
import type { Form } from './form.js'

/** What has to be known of a statement before it is planned. */
export interface StatementHead {
  readonly kind: Statement['kind']
  /** Of BEGIN, COMMIT and the like. */
  readonly action?: Extract<Statement, { kind: 'transaction' }>['action']
}

export interface Asked {
  readonly form: Form
  readonly catalog: CatalogSnapshot
  /** The id of the next object that is created. */
  readonly nextId: number
  readonly parameters?: readonly Literal[] | undefined
  /** The transaction whose part the command is. */
  readonly transaction: bigint | null
  readonly settings?: ReadonlyMap<string, string> | undefined
}

type WithEncoded<C> = C extends { readonly command: Command }
  ? Omit<C, 'command'> & { readonly command: Command | EncodedCommand }
  : C

/** A compiled statement, whose command may be in the engine's bytes already. */
export type Planned = WithEncoded<Compiled>

export interface Script {
  /** Its statements; throws at the first error of syntax. */
  heads(): readonly StatementHead[] | Promise<readonly StatementHead[]>
  plan(index: number, asked: Asked): Planned | Promise<Planned>
  /** Lets go of what is kept of it. */
  close(): void
}

export function headOf(statement: Statement): StatementHead {
  return statement.kind === 'transaction'
    ? { kind: statement.kind, action: statement.action }
    : { kind: statement.kind }
}
