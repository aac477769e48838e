/** The statements that a connection has prepared, as DEALLOCATE sees them. */
export interface PreparedNames {
  /** Whether there was one. */
  delete(name: string): boolean
  clear(): void
}

/** Of users whose prepared statements have no names. */
export const NO_NAMES: PreparedNames = { delete: () => false, clear: () => undefined }
