/** Short texts, which take less time to plan than to send. */
import type { Statement } from '../../../sql/index.js'
import { toMillraceError } from '../../native/errors.js'
import { plan } from './plan.js'
import { type Asked, headOf, type Planned, type Script, type StatementHead } from './script.js'

export class LocalScript implements Script {
  readonly #text: string
  readonly #parse: (text: string) => readonly Statement[]

  constructor(text: string, parse: (text: string) => readonly Statement[]) {
    this.#text = text
    this.#parse = parse
  }

  heads(): readonly StatementHead[] {
    return this.#parse(this.#text).map(headOf)
  }

  plan(index: number, { form, catalog, nextId, parameters, settings }: Asked): Planned {
    const statement = this.#parse(this.#text)[index]
    if (statement === undefined) throw new Error(`the text has no statement ${index}`)
    try {
      return plan(statement, form, this.#text, { catalog: catalog.catalog.names, nextId, parameters, settings })
    } catch (error) {
      throw toMillraceError(error)
    }
  }

  close(): void {
    // Nothing is kept: the session's cache is bounded by itself.
  }
}
