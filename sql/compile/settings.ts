/** The settings that clients ask for and set, by PostgreSQL's names. */

export interface Setting {
  readonly value: string
  /** Whether SET changes it. Others take their own value only: taking another and doing nothing would be a lie. */
  readonly free: boolean
  /** Other spellings of what it always is. */
  readonly same?: readonly string[]
  /** One of the database, not of a session; the value here stands for what the engine says. */
  readonly shared?: true
}

const fixed = (value: string): Setting => ({ value, free: false })
const free = (value: string): Setting => ({ value, free: true })
const shared = (): Setting => ({ value: '', free: true, shared: true })
const oneOf = (value: string, ...same: string[]): Setting => ({ value, free: false, same })

/** How PostgreSQL's planner is steered: answers do not depend on it, so setting it is no lie. */
const STEERING: readonly (readonly [string, string])[] = [
  ...(
    'async_append bitmapscan gathermerge hashagg hashjoin incremental_sort indexonlyscan indexscan material memoize mergejoin ' +
    'nestloop parallel_append parallel_hash partition_pruning presorted_aggregate seqscan sort tidscan'
  )
    .split(' ')
    .map((name) => [`enable_${name}`, 'on'] as const),
  ['enable_partitionwise_aggregate', 'off'],
  ['enable_partitionwise_join', 'off'],
  ['constraint_exclusion', 'partition'],
  ['cpu_index_tuple_cost', '0.005'],
  ['cpu_operator_cost', '0.0025'],
  ['cpu_tuple_cost', '0.01'],
  ['cursor_tuple_fraction', '0.1'],
  ['default_statistics_target', '100'],
  ['effective_cache_size', '4GB'],
  ['from_collapse_limit', '8'],
  ['geqo', 'on'],
  ['hash_mem_multiplier', '2'],
  ['jit', 'off'],
  ['join_collapse_limit', '8'],
  ['maintenance_work_mem', '64MB'],
  ['max_parallel_workers', '8'],
  ['max_parallel_workers_per_gather', '2'],
  ['min_parallel_index_scan_size', '512kB'],
  ['min_parallel_table_scan_size', '8MB'],
  ['parallel_leader_participation', 'on'],
  ['parallel_setup_cost', '1000'],
  ['parallel_tuple_cost', '0.1'],
  ['plan_cache_mode', 'auto'],
  ['random_page_cost', '4'],
  ['recursive_worktable_factor', '10'],
  ['seq_page_cost', '1'],
  ['work_mem', '4MB'],
]

export const SETTINGS: ReadonlyMap<string, Setting> = new Map([
  ['timezone', oneOf('UTC', 'GMT', 'Etc/UTC', 'Z', '+00', '0', 'local')],
  // Dates are printed in one way and read only where day and month cannot be confused.
  ['datestyle', oneOf('ISO, YMD', 'ISO', 'ISO, MDY', 'ISO, DMY', 'YMD', 'MDY', 'DMY')],
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
  ['max_index_keys', fixed('32')],
  ['max_function_args', fixed('100')],
  ['block_size', fixed('8192')],
  ['default_table_access_method', fixed('heap')],
  ['default_tablespace', fixed('')],
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
  // DuckDB's names.
  ['memory_limit', shared()],
  ['threads', shared()],
  ...STEERING.map(([name, value]) => [name, free(value)] as const),
])
