/** Dates and times as text and as numbers (days, microseconds since 1970), by civil-calendar arithmetic. No `Date`: it has
 *  neither microseconds nor PostgreSQL's range, and nothing in sql/ may depend on the machine's time zone. */

export const DAY_US = 86_400_000_000n

export type TimeProblem = { readonly problem: 'syntax' | 'range' }

/** Days since 1970-01-01 of a date of the proleptic Gregorian calendar (Howard Hinnant's algorithm). */
export function daysOfCivil(year: number, month: number, day: number): number {
  const y = month <= 2 ? year - 1 : year
  const era = Math.floor(y / 400)
  const yearOfEra = y - era * 400
  const dayOfYear = Math.floor((153 * (month + (month > 2 ? -3 : 9)) + 2) / 5) + day - 1
  const dayOfEra = yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear
  return era * 146_097 + dayOfEra - 719_468
}

export function civilOfDays(days: number): { year: number; month: number; day: number } {
  const z = days + 719_468
  const era = Math.floor(z / 146_097)
  const dayOfEra = z - era * 146_097
  const yearOfEra = Math.floor(
    (dayOfEra - Math.floor(dayOfEra / 1460) + Math.floor(dayOfEra / 36_524) - Math.floor(dayOfEra / 146_096)) / 365,
  )
  const dayOfYear = dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100))
  const shifted = Math.floor((5 * dayOfYear + 2) / 153)
  const month = shifted < 10 ? shifted + 3 : shifted - 9
  return {
    year: yearOfEra + era * 400 + (month <= 2 ? 1 : 0),
    month,
    day: dayOfYear - Math.floor((153 * shifted + 2) / 5) + 1,
  }
}

const DATE_PART = String.raw`(\d{4,6})-(\d{1,2})-(\d{1,2})`
const TIME_PART = String.raw`(\d{1,2}):(\d{2})(?::(\d{2})(?:[.,](\d+))?)?`
const ZONE_PART = String.raw`(?:\s*(Z|z|UTC|utc|GMT|gmt|[+-]\d{1,2}(?::?\d{2})?(?::?\d{2})?))?`
const DATE_TEXT = new RegExp(`^\\s*${DATE_PART}\\s*$`)
const TIME_TEXT = new RegExp(`^\\s*${TIME_PART}${ZONE_PART}\\s*$`)
const TIMESTAMP_TEXT = new RegExp(`^\\s*${DATE_PART}(?:[T ]\\s*${TIME_PART}${ZONE_PART})?\\s*$`)

export function parseDate(text: string): number | TimeProblem {
  const match = DATE_TEXT.exec(text)
  if (match !== null) return checkedDays(match[1]!, match[2]!, match[3]!)
  // PostgreSQL takes a full timestamp as a date and drops its time.
  const timestamp = parseTimestamp(text, 'ignore-zone')
  return typeof timestamp === 'bigint' ? Number(floorDivide(timestamp, DAY_US)) : timestamp
}

export function parseTime(text: string): bigint | TimeProblem {
  const match = TIME_TEXT.exec(text)
  return match === null ? { problem: 'syntax' } : microsecondsOfDay(match[1]!, match[2]!, match[3], match[4])
}

/** `ignore-zone` is TIMESTAMP, which drops a written zone as PostgreSQL does; `utc` is TIMESTAMPTZ in the session zone UTC. */
export function parseTimestamp(text: string, zone: 'ignore-zone' | 'utc'): bigint | TimeProblem {
  const trimmed = text.trim().toLowerCase()
  if (trimmed === 'epoch') return 0n
  const match = TIMESTAMP_TEXT.exec(text)
  if (match === null) return { problem: 'syntax' }
  const days = checkedDays(match[1]!, match[2]!, match[3]!)
  if (typeof days !== 'number') return days
  const time = match[4] === undefined ? 0n : microsecondsOfDay(match[4], match[5]!, match[6], match[7])
  if (typeof time !== 'bigint') return time
  const offset = zone === 'utc' && match[8] !== undefined ? zoneOffset(match[8]) : 0n
  if (typeof offset !== 'bigint') return offset
  return BigInt(days) * DAY_US + time - offset
}

export function formatDate(days: number): string {
  const { year, month, day } = civilOfDays(days)
  return `${String(year).padStart(4, '0')}-${two(month)}-${two(day)}`
}

export function formatTime(microseconds: bigint): string {
  const seconds = microseconds / 1_000_000n
  const fraction = microseconds % 1_000_000n
  const tail = fraction === 0n ? '' : `.${fraction.toString().padStart(6, '0').replace(/0+$/, '')}`
  return `${two(seconds / 3600n)}:${two((seconds / 60n) % 60n)}:${two(seconds % 60n)}${tail}`
}

export function formatTimestamp(microseconds: bigint): string {
  const days = floorDivide(microseconds, DAY_US)
  return `${formatDate(Number(days))} ${formatTime(microseconds - days * DAY_US)}`
}

export function floorDivide(value: bigint, divisor: bigint): bigint {
  const quotient = value / divisor
  return value % divisor < 0n ? quotient - 1n : quotient
}

function two(value: number | bigint): string {
  return value.toString().padStart(2, '0')
}

function checkedDays(yearText: string, monthText: string, dayText: string): number | TimeProblem {
  const [year, month, day] = [Number(yearText), Number(monthText), Number(dayText)]
  if (year < 1 || year > 294_276 || month < 1 || month > 12 || day < 1 || day > daysInMonth(year, month)) {
    return { problem: 'range' }
  }
  return daysOfCivil(year, month, day)
}

function daysInMonth(year: number, month: number): number {
  if (month === 2) return year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0) ? 29 : 28
  return month === 4 || month === 6 || month === 9 || month === 11 ? 30 : 31
}

function microsecondsOfDay(h: string, m: string, s = '0', fraction = ''): bigint | TimeProblem {
  const [hours, minutes, seconds] = [Number(h), Number(m), Number(s)]
  const micros = Math.round(Number(`0.${fraction || '0'}`) * 1e6)
  const total = BigInt((hours * 60 + minutes) * 60 + seconds) * 1_000_000n + BigInt(micros)
  if (minutes > 59 || seconds > 60 || total > DAY_US) return { problem: 'range' }
  return total
}

function zoneOffset(text: string): bigint | TimeProblem {
  if (!/^[+-]/.test(text)) return 0n
  const digits = text.slice(1).split(':').join('')
  const hours = Number(digits.length <= 2 ? digits : digits.slice(0, digits.length % 2 === 0 ? 2 : 1))
  const rest = digits.length <= 2 ? '' : digits.slice(digits.length % 2 === 0 ? 2 : 1)
  const minutes = Number(rest.slice(0, 2) || '0')
  const seconds = Number(rest.slice(2, 4) || '0')
  if (hours > 15 || minutes > 59 || seconds > 59) return { problem: 'range' }
  const offset = BigInt((hours * 60 + minutes) * 60 + seconds) * 1_000_000n
  return text.startsWith('-') ? -offset : offset
}
