/** A bound statement: its rows are made at its first Execute and handed out as often as the client asks. */
import type { Expr } from '../../sql/index.js'
import type { PreparedPlan } from '../engine/prepared-statements.js'
import type { Outcome } from '../engine/session.js'

export interface Prepared {
  readonly plan: PreparedPlan
  /** The types that the client has given its parameters; 0 where it has not. PREPARE gives none. */
  readonly parameterOids?: readonly number[]
}

export class Portal {
  /** The name of its statement. */
  readonly name: string
  readonly statement: Prepared
  readonly parameters: readonly Expr[]
  readonly formats: readonly number[]
  outcome: Outcome | undefined
  /** `DataRow` messages that the client has not asked for yet. */
  #rows: Buffer = Buffer.alloc(0)
  #given = 0

  constructor(name: string, statement: Prepared, parameters: readonly Expr[], formats: readonly number[]) {
    this.name = name
    this.statement = statement
    this.parameters = parameters
    this.formats = formats
  }

  fill(outcome: Outcome, rows: Buffer): void {
    this.outcome = outcome
    this.#rows = rows
  }

  /** Rows that were given in this and earlier calls. */
  get given(): number {
    return this.#given
  }

  get done(): boolean {
    return this.#rows.length === 0
  }

  /** The messages of the next rows, at most `limit` of them; 0 is all. */
  take(limit: number): { readonly bytes: Buffer; readonly rows: number } {
    let at = 0
    let rows = 0
    while (at < this.#rows.length && (limit === 0 || rows < limit)) {
      at += 1 + this.#rows.readInt32BE(at + 1)
      rows += 1
    }
    const bytes = this.#rows.subarray(0, at)
    this.#rows = this.#rows.subarray(at)
    this.#given += rows
    return { bytes, rows }
  }
}
