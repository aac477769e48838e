/** The columns of the stream that takes a source's messages that are no rows. `connect` fills it by position: this list is
 *  `dead_letter_fields` of native/crates/connect/src/dead_letter.rs. */
import type { Field } from '../contract/plan.generated.js'

export const DEAD_LETTER_FIELDS: readonly Field[] = [
  { name: 'source_partition', data_type: { type: 'integer' }, nullable: false },
  { name: 'source_offset', data_type: { type: 'bigint' }, nullable: false },
  { name: 'source_timestamp', data_type: { type: 'timestamptz' }, nullable: true },
  { name: 'key', data_type: { type: 'bytea' }, nullable: true },
  { name: 'value', data_type: { type: 'bytea' }, nullable: true },
  { name: 'reason', data_type: { type: 'text' }, nullable: false },
]
