/** INTERVAL in JavaScript. Months, days and microseconds stay apart: a month has no fixed days, a day no fixed hours. */
import { formatInterval, parseInterval } from '../../sql/index.js'

export class Interval {
  readonly months: number
  readonly days: number
  readonly microseconds: bigint

  constructor(parts: { months?: number; days?: number; microseconds?: bigint | number }) {
    this.months = parts.months ?? 0
    this.days = parts.days ?? 0
    this.microseconds = BigInt(parts.microseconds ?? 0)
  }

  /** From `1 day 02:03:04`, `10 minutes`, `P1DT2H`. Throws a RangeError for what is no interval. */
  static from(text: string): Interval {
    const parts = parseInterval(text)
    if (parts === undefined) throw new RangeError(`"${text}" is not an interval`)
    return new Interval(parts)
  }

  /** PostgreSQL's text: `1 year 2 mons -3 days +04:05:06.789`. */
  toString(): string {
    return formatInterval(this)
  }

  toJSON(): string {
    return formatInterval(this)
  }
}
