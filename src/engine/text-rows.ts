/** The rows of EXPLAIN and SHOW, which come as text from sql/, in the form of all other rows. */
import type { Field } from '../../sql/index.js'
import { BatchWriter } from '../native/column-writer.js'

export function textRows(fields: readonly Field[], rows: readonly (readonly (string | null)[])[]): Uint8Array {
  const columns = fields.map((field) => ({ name: field.name, type: { type: 'text' } as const }))
  const writer = new BatchWriter(columns, rows.length)
  for (const row of rows) writer.add(row)
  return writer.take()
}
