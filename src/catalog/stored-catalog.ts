/** The catalog as the engine has it, read whole and never changed: a DDL statement makes the session read a new one. */

import { type Catalog, Code, createCatalog, type Definition } from '../../sql/index.js'
import { MillraceError } from '../native/errors.js'
import { type CatalogEntry, describe } from './describe.js'

export class StoredCatalog {
  readonly definitions: readonly Definition[]
  /** As sql/ reads it. */
  readonly names: Catalog

  constructor(definitions: readonly Definition[]) {
    this.definitions = definitions
    this.names = createCatalog(definitions)
  }

  /** The relation of this name, which must be of one of these kinds to be meant. */
  relation(name: string, meant: readonly Definition['object']['kind'][]): Definition {
    const definition = this.names.find(name)
    if (definition !== undefined) return definition
    const near = this.names.didYouMean(name, (other) => meant.includes(other.object.kind))
    throw new MillraceError(Code.UndefinedTable, `relation "${name}" does not exist`, {
      hint: near === undefined ? undefined : `Perhaps you meant "${near}".`,
    })
  }

  /** A relation that rows can be appended to. */
  writable(name: string): Definition {
    const definition = this.relation(name, ['table', 'stream'])
    const { object } = definition
    const { kind } = object
    if (kind === 'table' || kind === 'stream') {
      const filled = this.definitions.flatMap(({ object: part }) =>
        (part.kind === 'identity' || part.kind === 'generated') && part.table === definition.id ? [part.column] : [],
      )
      // What the engine fills may be left out of a row.
      const columns = object.columns.map((column, i) => (filled.includes(i) ? { ...column, nullable: true } : column))
      return { ...definition, object: { ...object, columns } }
    }
    throw new MillraceError(Code.WrongObjectType, `cannot append to "${name}"`, {
      detail: `It is a ${kind.replace('_', ' ')}.`,
      hint: 'Rows can be appended to tables and streams.',
    })
  }

  entries(): CatalogEntry[] {
    return this.definitions.map((definition) => describe(definition, this.definitions))
  }
}
