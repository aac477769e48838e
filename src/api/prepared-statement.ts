/** A statement that is parsed and planned once and run often, each time with other parameters. */
import { type DataType, type Literal, literalType } from '../../sql/index.js'
import type { Session } from '../engine/session.js'
import { type Parameter, toLiterals } from './parameters.js'
import { Result, type Row } from './result.js'

export class PreparedStatement<T = Row> {
  readonly text: string
  readonly #session: Session

  /** Throws at an error of syntax; names and types are checked when it runs, on the catalog of that moment. */
  constructor(session: Session, text: string) {
    session.parse(text)
    this.#session = session
    this.text = text
  }

  async query(
    parameters: readonly Parameter[] = [],
    options: { readonly signal?: AbortSignal } = {},
  ): Promise<Result<T>> {
    const { signal } = options
    if (parameters.length === 0) return await Result.of<T>(await this.#session.run(this.text, { signal }))
    const values = toLiterals(parameters)
    const plan = await this.#session.prepare(this.text, values.map(declared), { signal })
    const exprs = values.map((literal) => ({ op: 'literal', literal }) as const)
    return await Result.of<T>(await this.#session.execute(plan, exprs, { signal }))
  }
}

/** Texts and NULL take the type that the statement wants; a NUMERIC keeps its digits, so that each is planned for itself. */
function declared(literal: Literal): DataType | undefined {
  return literal.type === 'text' || literal.type === 'null' ? undefined : literalType(literal)
}

/** Without parameters the compiled plan can be kept, so they are left out instead of empty. */
export function bound(parameters: readonly Parameter[]): { parameters?: ReturnType<typeof toLiterals> } {
  return parameters.length === 0 ? {} : { parameters: toLiterals(parameters) }
}
