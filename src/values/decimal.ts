/** NUMERIC in JavaScript: an integer and a scale, so that no digit is lost. It becomes a double only when asked. */
import { formatDecimal, parseDecimal, rescale } from '../../sql/index.js'

export class Decimal {
  /** The value times 10^scale. */
  readonly unscaled: bigint
  readonly scale: number

  constructor(unscaled: bigint, scale: number) {
    if (!(Number.isInteger(scale) && scale >= 0)) throw new RangeError(`scale ${scale} is not a non-negative integer`)
    this.unscaled = unscaled
    this.scale = scale
  }

  /** From `12.30` or `1e-3`, a bigint, or a double's shortest text. Throws a RangeError for what is no decimal number. */
  static from(value: string | number | bigint | Decimal): Decimal {
    if (value instanceof Decimal) return value
    if (typeof value === 'bigint') return new Decimal(value, 0)
    const parsed = parseDecimal(String(value))
    if (parsed === undefined) throw new RangeError(`"${value}" is not a decimal number`)
    return new Decimal(parsed.unscaled, parsed.scale)
  }

  /** Rounded half away from zero, as PostgreSQL does. */
  rescale(scale: number): Decimal {
    const { unscaled } = rescale(this, scale)
    return new Decimal(unscaled, scale)
  }

  /** Without the zeros after the last digit. */
  trimmed(): Decimal {
    const short = formatDecimal(this).replace(/(\.\d*?)0+$/, '$1')
    return Decimal.from(short.replace(/\.$/, ''))
  }

  /** Equal in value: 1.5 equals 1.50. */
  equals(other: Decimal): boolean {
    const scale = Math.max(this.scale, other.scale)
    return this.rescale(scale).unscaled === other.rescale(scale).unscaled
  }

  /** The nearest double. */
  toNumber(): number {
    return Number(formatDecimal(this))
  }

  toString(): string {
    return formatDecimal(this)
  }

  toJSON(): string {
    return formatDecimal(this)
  }

  /** Arithmetic would go through a double without a word; comparing and adding are refused instead. */
  [Symbol.toPrimitive](hint: string): string {
    if (hint === 'string') return formatDecimal(this)
    throw new TypeError('a Decimal is not a number: use toNumber() for the nearest double, or toString()')
  }

  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return `Decimal(${formatDecimal(this)})`
  }
}
