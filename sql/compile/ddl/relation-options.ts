/** The options of streams, sources and tables: their text is checked here and kept as whole numbers, which is what the engine reads. */

import { fail } from '../../bind/fail.js'
import type { ColumnDef } from '../../contract/plan.generated.js'
import type { Option } from '../../syntax/tree.js'
import { fixedMicroseconds, formatInterval, parseInterval } from '../../types/interval.js'
import { columnAt } from './columns.js'
import { Options } from './options.js'

export const RELATION_OPTIONS = {
  stream: ['partitions', 'partition_by', 'retention', 'retention_bytes', 'durability'],
  source: ['retention', 'retention_bytes'],
  table: ['retain', 'durability'],
} as const

/** What a stream cannot change once it has rows. */
export const FIXED_OPTIONS: readonly string[] = ['partitions', 'partition_by']

/** The engine's own limit. */
const PARTITIONS_MAX = 1024
const SECOND_US = 1_000_000n
const DAY_US = 86_400n * SECOND_US
/** A hundred years: more is `forever`. */
const DURATION_US_MAX = 36_525n * DAY_US
const RETENTION_BYTES_MIN = 1024n ** 2n
const RETENTION_BYTES_MAX = 1024n ** 6n
const DURABILITIES = ['commit', 'interval', 'none']

/** The options as the definition keeps them; undefined is one that is taken away (`forever`). */
export function readOptions(
  given: readonly Option[],
  kind: keyof typeof RELATION_OPTIONS,
  columns: readonly ColumnDef[],
): Map<string, string | undefined> {
  return storedOptions(new Options(given, RELATION_OPTIONS[kind], kind), kind, columns)
}

/** As `readOptions`, where there are options of other kinds beside them. */
export function storedOptions(
  options: Options,
  kind: keyof typeof RELATION_OPTIONS,
  columns: readonly ColumnDef[],
): Map<string, string | undefined> {
  const read = new Map<string, string | undefined>()
  for (const key of RELATION_OPTIONS[kind]) {
    const option = options.get(key)
    if (option !== undefined) read.set(key, readOption(key, option, columns))
  }
  return read
}

function readOption(key: string, option: Option, columns: readonly ColumnDef[]): string | undefined {
  switch (key) {
    case 'partitions':
      return partitions(option)
    case 'partition_by':
      return partitionColumns(option, columns).join(',')
    case 'retention_bytes':
      return isForever(option) ? undefined : bytes(option).toString()
    case 'durability':
      return durability(option)
    default:
      return isForever(option) ? undefined : duration(option).toString()
  }
}

/** Whether a stored value is one of ours: before options had an effect, their text was kept as it was written. */
export function isStored(key: string, value: string): boolean {
  return key === 'durability' ? DURABILITIES.includes(value) : /^\d+(,\d+)*$/.test(value)
}

/** Of a new relation. */
export function definedOptions(read: ReadonlyMap<string, string | undefined>): Record<string, string> {
  return Object.fromEntries([...read].flatMap(([key, value]) => (value === undefined ? [] : [[key, value]])))
}

function invalid(option: Option, hint: string): never {
  return fail(
    'InvalidParameterValue',
    `invalid value for option "${option.key}": "${option.value}"`,
    option.valueSpan,
    {
      hint,
    },
  )
}

function isForever(option: Option): boolean {
  return /^\s*(forever|infinite|unlimited)\s*$/i.test(option.value)
}

function partitions(option: Option): string {
  const count = /^\d{1,6}$/.test(option.value.trim()) ? Number(option.value) : 0
  if (count < 1 || count > PARTITIONS_MAX) invalid(option, `It is a number from 1 to ${PARTITIONS_MAX}.`)
  return count.toString()
}

/** `'a, b'`: names as in SQL, so that only one in double quotes keeps its capitals. */
function partitionColumns(option: Option, columns: readonly ColumnDef[]): number[] {
  const names = option.value.split(',').map((part) => part.trim())
  if (names.includes('')) invalid(option, "It is a list of columns, such as 'card_id' or 'card_id, city'.")
  const found = names.map((text) => {
    const name = /^".*"$/.test(text) ? text.slice(1, -1).replaceAll('""', '"') : text.toLowerCase()
    return columnAt(columns, { kind: 'ident', name, span: option.valueSpan }, 'named in partition_by')
  })
  if (new Set(found).size !== found.length) invalid(option, 'It names a column twice.')
  return found
}

function duration(option: Option): bigint {
  const hint = "Give a length of time from 1 second to 100 years, such as '7 days', '12 hours' or 'forever'."
  // A number alone would be seconds to some and milliseconds to others.
  const parsed = /^\s*[+-]?[\d.]+\s*$/.test(option.value) ? undefined : parseInterval(option.value)
  if (parsed === undefined) return invalid(option, hint)
  const microseconds = fixedMicroseconds(parsed)
  if (microseconds === undefined)
    return invalid(option, "Months and years differ in length; use days, such as '30 days'.")
  if (microseconds < SECOND_US || microseconds > DURATION_US_MAX) return invalid(option, hint)
  return microseconds
}

/** PostgreSQL's units: each is 1024 of the one before. */
const UNITS = ['b', 'kb', 'mb', 'gb', 'tb', 'pb']

function bytes(option: Option): bigint {
  const hint = "Give a size from '1MB' to '1024PB', such as '500MB' or '10GB'; or 'forever'."
  const match = /^\s*(\d{1,19})(?:\.(\d{1,6}))?\s*([a-z]*)\s*$/i.exec(option.value)
  if (match === null) return invalid(option, hint)
  const [, whole = '0', fraction = '', word = ''] = match
  const unit = word === '' ? 0 : UNITS.indexOf(word.toLowerCase().replace('ib', 'b'))
  if (unit === -1) return invalid(option, hint)
  const size = 1024n ** BigInt(unit)
  const result = BigInt(whole) * size + (BigInt(fraction.padEnd(6, '0')) * size) / 1_000_000n
  if (result < RETENTION_BYTES_MIN || result > RETENTION_BYTES_MAX) return invalid(option, hint)
  return result
}

function durability(option: Option): string {
  const word = option.value.trim().toLowerCase()
  if (DURABILITIES.includes(word)) return word
  return invalid(option, `It is ${DURABILITIES.map((name) => `'${name}'`).join(', ')}.`)
}

/** An option of a definition for people. What was kept before options had an effect is shown as it is. */
export function printOption(key: string, value: string, columns: readonly { readonly name: string }[]): string {
  if (key === 'durability' || key === 'partitions' || !isStored(key, value)) return value
  if (key === 'partition_by') {
    const names = value.split(',').map((index) => columns[Number(index)]?.name ?? `column ${index}`)
    return names.join(', ')
  }
  const amount = BigInt(value)
  if (key === 'retention_bytes') return printBytes(amount)
  return formatInterval({ months: 0, days: Number(amount / DAY_US), microseconds: amount % DAY_US })
}

function printBytes(amount: bigint): string {
  let unit = 0
  let shown = amount
  while (unit < UNITS.length - 1 && shown >= 1024n && shown % 1024n === 0n) {
    shown /= 1024n
    unit += 1
  }
  return `${shown} ${['bytes', 'kB', 'MB', 'GB', 'TB', 'PB'][unit]}`
}
