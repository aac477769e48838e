/** INTERVAL as text and as PostgreSQL's three parts, which never mix: months, days and microseconds. */

export interface IntervalParts {
  readonly months: number
  readonly days: number
  readonly microseconds: bigint
}

interface Unit {
  readonly part: 'months' | 'days' | 'microseconds'
  readonly size: number
}

const UNITS = new Map<string, Unit>()
for (const [part, size, names] of [
  ['microseconds', 1, 'microsecond microseconds us usec usecs'],
  ['microseconds', 1000, 'millisecond milliseconds ms msec msecs'],
  ['microseconds', 1_000_000, 'second seconds sec secs s'],
  ['microseconds', 60_000_000, 'minute minutes min mins m'],
  ['microseconds', 3_600_000_000, 'hour hours hr hrs h'],
  ['days', 1, 'day days d'],
  ['days', 7, 'week weeks w'],
  ['months', 1, 'month months mon mons'],
  ['months', 12, 'year years yr yrs y'],
  ['months', 120, 'decade decades'],
  ['months', 1200, 'century centuries'],
] as const) {
  for (const name of names.split(' ')) UNITS.set(name, { part, size })
}

export const ZERO_INTERVAL: IntervalParts = { months: 0, days: 0, microseconds: 0n }

const TOKEN =
  /\s*([+-]?)(?:(\d+):(\d{1,2})(?::(\d{1,2})(?:\.(\d+))?)?|(\d+-\d+)(?![\d:])|(\d*\.?\d+|\d+\.)\s*([a-zA-Z]*))/y

/** Reads `1 day 02:03:04.5`, `10 minutes`, `1 year 2 mons ago`, ISO `P1DT2H`; `unit` is that of a bare number (seconds). */
export function parseInterval(text: string, unit = 'second'): IntervalParts | undefined {
  const parts = readInterval(text, unit)
  return parts !== undefined && fits(parts) ? parts : undefined
}

/** Whether the text is an interval, but one that is too long to be kept. */
export function intervalOverflows(text: string, unit = 'second'): boolean {
  const parts = readInterval(text, unit)
  return parts !== undefined && !fits(parts)
}

function fits({ months, days, microseconds }: IntervalParts): boolean {
  const small = (value: number) => value <= 0x7fff_ffff && value >= -0x8000_0000
  return small(months) && small(days) && BigInt.asIntN(64, microseconds) === microseconds
}

function readInterval(text: string, unit: string): IntervalParts | undefined {
  const trimmed = text.trim().replace(/^@\s*/, '')
  if (/^p/i.test(trimmed)) return parseIso(trimmed)
  const ago = /\s+ago$/i.test(trimmed)
  const body = ago ? trimmed.replace(/\s+ago$/i, '') : trimmed
  if (body === '') return undefined
  let total: IntervalParts = ZERO_INTERVAL
  TOKEN.lastIndex = 0
  while (TOKEN.lastIndex < body.length) {
    const match = TOKEN.exec(body)
    if (match === null) return undefined
    const [, sign, hours, minutes, seconds = '0', fraction = '', yearMonth, amount, name = ''] = match
    const factor = sign === '-' ? -1 : 1
    let step: IntervalParts | undefined
    if (hours !== undefined && minutes !== undefined) {
      const whole = BigInt(hours) * 3600n + BigInt(minutes) * 60n + BigInt(seconds)
      const micros = BigInt(Math.round(Number(`0.${fraction || '0'}`) * 1e6))
      step = { ...ZERO_INTERVAL, microseconds: whole * 1_000_000n + micros }
    } else if (yearMonth !== undefined) {
      const [years, months] = yearMonth.split('-')
      step = { ...ZERO_INTERVAL, months: Number(years) * 12 + Number(months) }
    } else {
      const known = UNITS.get(
        (name === '' ? unit : name)
          .toLowerCase()
          .replace(/^(.+?)s$/, (whole) => (UNITS.has(whole) ? whole : whole.slice(0, -1))),
      )
      step = known === undefined ? undefined : inParts(amount!, known)
    }
    if (step === undefined) return undefined
    total = add(total, scale(step, factor))
    while (body[TOKEN.lastIndex] === ' ' || body[TOKEN.lastIndex] === ',') TOKEN.lastIndex++
  }
  return ago ? scale(total, -1) : total
}

/** PostgreSQL's output style `postgres`: `1 year 2 mons 3 days 04:05:06.7`. */
export function formatInterval({ months, days, microseconds }: IntervalParts): string {
  const parts: string[] = []
  // After a negative part a positive one carries its sign.
  let negative = false
  const count = (value: number, name: string) => {
    if (value === 0) return
    parts.push(`${negative && value > 0 ? '+' : ''}${value} ${name}${value === 1 ? '' : 's'}`)
    negative = value < 0
  }
  count(Math.trunc(months / 12), 'year')
  count(months % 12, 'mon')
  count(days, 'day')
  if (microseconds !== 0n || parts.length === 0) {
    const size = microseconds < 0n ? -microseconds : microseconds
    const two = (value: bigint) => value.toString().padStart(2, '0')
    const seconds = size / 1_000_000n
    const fraction = size % 1_000_000n
    const tail = fraction === 0n ? '' : `.${fraction.toString().padStart(6, '0').replace(/0+$/, '')}`
    parts.push(
      `${microseconds < 0n ? '-' : negative ? '+' : ''}${two(seconds / 3600n)}:${two((seconds / 60n) % 60n)}:${two(seconds % 60n)}${tail}`,
    )
  }
  return parts.join(' ')
}

/** Microseconds of an interval without months; a day counts as 24 hours. Undefined where months make it inexact. */
export function fixedMicroseconds({ months, days, microseconds }: IntervalParts): bigint | undefined {
  return months === 0 ? BigInt(days) * 86_400_000_000n + microseconds : undefined
}

/** A fraction spills into the next smaller part, as in PostgreSQL: 1.5 months is 1 month 15 days. */
function inParts(amount: string, unit: Unit): IntervalParts {
  if (unit.part === 'microseconds') {
    const exact = /^\d+$/.test(amount)
      ? BigInt(amount) * BigInt(unit.size)
      : BigInt(Math.round(Number(amount) * unit.size))
    return { ...ZERO_INTERVAL, microseconds: exact }
  }
  const value = Number(amount) * unit.size
  const whole = Math.trunc(value + (value < 0 ? -1e-9 : 1e-9))
  const rest = Math.abs(value - whole) < 1e-9 ? 0 : value - whole
  if (unit.part === 'days') return { months: 0, days: whole, microseconds: BigInt(Math.round(rest * 86_400_000_000)) }
  const days = rest * 30
  const wholeDays = Math.trunc(days + 1e-9)
  const restDays = Math.abs(days - wholeDays) < 1e-9 ? 0 : days - wholeDays
  return { months: whole, days: wholeDays, microseconds: BigInt(Math.round(restDays * 86_400_000_000)) }
}

function parseIso(text: string): IntervalParts | undefined {
  const match =
    /^p(?:(-?[\d.]+)y)?(?:(-?[\d.]+)m)?(?:(-?[\d.]+)w)?(?:(-?[\d.]+)d)?(?:t(?:(-?[\d.]+)h)?(?:(-?[\d.]+)m)?(?:(-?[\d.]+)s)?)?$/i.exec(
      text,
    )
  if (match === null || match.slice(1).every((part) => part === undefined)) return undefined
  const names = ['year', 'month', 'week', 'day', 'hour', 'minute', 'second']
  let total: IntervalParts = ZERO_INTERVAL
  for (const [i, name] of names.entries()) {
    const part = match[i + 1]
    if (part === undefined) continue
    const negative = part.startsWith('-')
    total = add(total, scale(inParts(negative ? part.slice(1) : part, UNITS.get(name)!), negative ? -1 : 1))
  }
  return total
}

function add(a: IntervalParts, b: IntervalParts): IntervalParts {
  return { months: a.months + b.months, days: a.days + b.days, microseconds: a.microseconds + b.microseconds }
}

function scale(a: IntervalParts, factor: number): IntervalParts {
  return factor === 1 ? a : { months: a.months * -1 || 0, days: a.days * -1 || 0, microseconds: -a.microseconds }
}
