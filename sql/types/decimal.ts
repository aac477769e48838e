/** Exact decimals as (unscaled bigint, scale): how NUMERIC literals are read, rounded and written. */
import { NUMERIC_PRECISION_MAX } from './data-type.js'

export interface Decimal {
  readonly unscaled: bigint
  readonly scale: number
}

const DECIMAL = /^\s*([+-]?)(\d*)(?:\.(\d*))?(?:[eE]([+-]?\d{1,4}))?\s*$/

/** Reads `-1.50`, `.5`, `1e3`; undefined when the text is no decimal number. Trailing zeros are kept, as they are its scale. */
export function parseDecimal(text: string): Decimal | undefined {
  const match = DECIMAL.exec(text)
  if (match === null) return undefined
  const [, sign, whole = '', fraction = '', exponent = '0'] = match
  if (whole === '' && fraction === '') return undefined
  let unscaled = BigInt(whole + fraction || '0')
  let scale = fraction.length - Number(exponent)
  if (scale < 0) {
    unscaled *= 10n ** BigInt(-scale)
    scale = 0
  }
  return { unscaled: sign === '-' ? -unscaled : unscaled, scale }
}

export function formatDecimal({ unscaled, scale }: Decimal): string {
  const negative = unscaled < 0n
  const digits = (negative ? -unscaled : unscaled).toString().padStart(scale + 1, '0')
  const point = digits.length - scale
  const text = scale === 0 ? digits : `${digits.slice(0, point)}.${digits.slice(point)}`
  return negative ? `-${text}` : text
}

/** To another scale, half away from zero as PostgreSQL rounds NUMERIC. */
export function rescale(value: Decimal, scale: number): Decimal {
  if (scale >= value.scale) return { unscaled: value.unscaled * 10n ** BigInt(scale - value.scale), scale }
  const divisor = 10n ** BigInt(value.scale - scale)
  const half = divisor / 2n
  const shifted = value.unscaled < 0n ? value.unscaled - half : value.unscaled + half
  return { unscaled: shifted / divisor, scale }
}

export function digitsOf(unscaled: bigint): number {
  return (unscaled < 0n ? -unscaled : unscaled).toString().length
}

/** The smallest precision that holds the value; undefined past what a NUMERIC can hold. */
export function precisionOf(value: Decimal): number | undefined {
  const precision = Math.max(digitsOf(value.unscaled), value.scale, 1)
  return precision > NUMERIC_PRECISION_MAX ? undefined : precision
}
