/** The catalog of one moment, as objects for whoever plans here and as bytes for the planning thread. */
import { StoredCatalog } from '../../catalog/stored-catalog.js'
import { decodeDefinitions } from '../../native/encode.js'

export class CatalogSnapshot {
  readonly catalog: StoredCatalog
  readonly bytes: Uint8Array

  constructor(bytes: Uint8Array) {
    this.bytes = bytes
    this.catalog = new StoredCatalog(decodeDefinitions(bytes))
  }
}
