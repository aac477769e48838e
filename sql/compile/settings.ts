/** The settings that clients ask for and set, by PostgreSQL's names. */

export interface Setting {
  readonly value: string
  /** Whether SET changes it. Others take their own value only: taking another and doing nothing would be a lie. */
  readonly free: boolean
}

const fixed = (value: string): Setting => ({ value, free: false })
const free = (value: string): Setting => ({ value, free: true })

export const SETTINGS: ReadonlyMap<string, Setting> = new Map([
  ['timezone', fixed('UTC')],
  ['datestyle', fixed('ISO, YMD')],
  ['intervalstyle', fixed('postgres')],
  ['server_encoding', fixed('UTF8')],
  ['client_encoding', fixed('UTF8')],
  ['standard_conforming_strings', fixed('on')],
  ['integer_datetimes', fixed('on')],
  ['bytea_output', fixed('hex')],
  ['transaction_isolation', fixed('repeatable read')],
  ['default_transaction_isolation', fixed('repeatable read')],
  ['default_transaction_read_only', fixed('off')],
  ['is_superuser', fixed('on')],
  ['server_version', fixed('16.0')],
  ['server_version_num', fixed('160000')],
  ['max_identifier_length', fixed('63')],
  ['idle_in_transaction_session_timeout', fixed('0')],
  // Nothing waits for a lock.
  ['lock_timeout', free('0')],
  ['application_name', free('')],
  // Floats are printed with the fewest digits that tell them apart, as PostgreSQL does for any value above 0.
  ['extra_float_digits', free('1')],
  ['client_min_messages', free('notice')],
  // All names are in one schema.
  ['search_path', free('"$user", public')],
  ['statement_timeout', free('0')],
])
