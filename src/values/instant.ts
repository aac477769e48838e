/** TIMESTAMPTZ in JavaScript: a `Date`, so that all code that takes one works, which keeps its microseconds. */
import { floorDivide, formatTimestamp } from '../../sql/index.js'

export class Instant extends Date {
  /** Microseconds since 1970-01-01 00:00 UTC: the exact value. */
  readonly epochMicroseconds: bigint

  constructor(epochMicroseconds: bigint) {
    super(Number(floorDivide(epochMicroseconds, 1000n)))
    this.epochMicroseconds = epochMicroseconds
  }

  /** PostgreSQL's text, in UTC. Works beyond the range of `Date` too. */
  toText(): string {
    return `${formatTimestamp(this.epochMicroseconds)}+00`
  }

  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return `Instant(${this.toText()})`
  }
}

/** The exact microseconds of a moment; undefined for an invalid date. */
export function epochMicroseconds(moment: Date): bigint | undefined {
  const milliseconds = moment.getTime()
  if (moment instanceof Instant) {
    // A Date can be set: its microseconds hold only while its milliseconds still agree.
    const own = moment.epochMicroseconds
    if (Number.isNaN(milliseconds) || Number(floorDivide(own, 1000n)) === milliseconds) return own
  }
  return Number.isNaN(milliseconds) ? undefined : BigInt(milliseconds) * 1000n
}
