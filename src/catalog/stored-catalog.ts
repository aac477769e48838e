/** The catalog as the engine has it, read whole and never changed: a DDL statement makes the session read a new one. */
import type { Definition } from '../../sql/contract/plan.generated.js'
import { type Catalog, catalogOf } from '../../sql/index.js'
import { Code } from '../../sql/diag/codes.js'
import { MillraceError } from '../native/errors.js'
import { type CatalogEntry, describe } from './describe.js'

export class StoredCatalog {
  readonly definitions: readonly Definition[]
  /** As sql/ reads it. */
  readonly names: Catalog
  readonly #byName: ReadonlyMap<string, Definition>

  constructor(definitions: readonly Definition[]) {
    this.definitions = definitions
    this.names = catalogOf(definitions)
    this.#byName = new Map(definitions.map((definition) => [definition.name, definition]))
  }

  /** A relation that rows can be appended to. */
  writable(name: string): Definition {
    const definition = this.#byName.get(name)
    if (definition === undefined) throw new MillraceError(Code.UndefinedTable, `relation "${name}" does not exist`)
    const { kind } = definition.object
    if (kind === 'table' || kind === 'stream') return definition
    throw new MillraceError(Code.WrongObjectType, `cannot append to "${name}"`, {
      detail: `It is a ${kind.replace('_', ' ')}.`,
      hint: 'Rows can be appended to tables and streams.',
    })
  }

  entries(): CatalogEntry[] {
    return this.definitions.map((definition) => describe(definition, this.definitions))
  }
}
