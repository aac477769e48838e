/** A statement that is parsed once and run often, each time with other parameters. */
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
    return await Result.of<T>(await this.#session.run(this.text, { ...bound(parameters), signal }))
  }
}

/** Without parameters the compiled plan can be kept, so they are left out instead of empty. */
export function bound(parameters: readonly Parameter[]): { parameters?: ReturnType<typeof toLiterals> } {
  return parameters.length === 0 ? {} : { parameters: toLiterals(parameters) }
}
