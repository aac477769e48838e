/** JavaScript's values of SQL types, and PostgreSQL's text of them. */
import { describe, expect, it } from 'vitest'
import type { DataType } from '../../sql/contract/plan.generated.js'
import { Decimal } from '../../src/values/decimal.js'
import { formatText } from '../../src/values/format.js'
import { epochMicroseconds, Instant } from '../../src/values/instant.js'
import { Interval } from '../../src/values/interval.js'

const text = (type: DataType['type'], value: unknown) => formatText(value, { type } as DataType)

describe('formatText gives what PostgreSQL prints', () => {
  const cases: readonly (readonly [DataType['type'], unknown, string])[] = [
    ['boolean', true, 't'],
    ['boolean', false, 'f'],
    ['bigint', -9223372036854775808n, '-9223372036854775808'],
    ['double', 0.1, '0.1'],
    ['double', 1, '1'],
    ['double', -0, '-0'],
    ['double', 100_000_000_000_000, '100000000000000'],
    ['double', 1e15, '1e+15'],
    ['double', 123_456_789_012_345_680, '1.2345678901234568e+17'],
    ['double', 0.0001, '0.0001'],
    ['double', 0.00001, '1e-05'],
    ['double', 5e-324, '5e-324'],
    ['double', -1.5e300, '-1.5e+300'],
    ['double', Number.NaN, 'NaN'],
    ['double', Number.NEGATIVE_INFINITY, '-Infinity'],
    ['real', Math.fround(0.1), '0.1'],
    ['real', Math.fround(3.4028235e38), '3.4028235e+38'],
    ['real', 1e6, '1e+06'],
    ['real', 123_456, '123456'],
    ['real', Math.fround(16_777_216), '1.6777216e+07'],
    ['bytea', Uint8Array.of(0, 1, 255), '\\x0001ff'],
    ['text', 'a b', 'a b'],
    ['timestamptz', new Instant(1_767_312_245_678_000n), '2026-01-02 00:04:05.678+00'],
    ['timestamptz', new Instant(-1n), '1969-12-31 23:59:59.999999+00'],
    ['interval', new Interval({}), '00:00:00'],
    [
      'interval',
      new Interval({ months: 14, days: 3, microseconds: 14_706_789_000n }),
      '1 year 2 mons 3 days 04:05:06.789',
    ],
    ['interval', new Interval({ days: -1, microseconds: 7_384_000_000n }), '-1 days +02:03:04'],
    ['interval', new Interval({ months: -1, days: 2, microseconds: -1n }), '-1 mons +2 days -00:00:00.000001'],
  ]
  for (const [type, value, expected] of cases) it(`${type} ${expected}`, () => expect(text(type, value)).toBe(expected))
})

describe('Decimal', () => {
  it('keeps the digits and the scale', () => {
    expect(String(Decimal.from('-0.0500'))).toBe('-0.0500')
    expect(String(Decimal.from('12345678901234567890123456789.123456789'))).toBe(
      '12345678901234567890123456789.123456789',
    )
    expect(String(Decimal.from('1e3'))).toBe('1000')
    expect(JSON.stringify({ a: Decimal.from('1.50') })).toBe('{"a":"1.50"}')
  })
  it('rounds half away from zero', () => {
    const rounded = ['0.5', '-0.5', '1.49', '-1.5', '2.5'].map((value) => String(Decimal.from(value).rescale(0)))
    expect(rounded).toEqual(['1', '-1', '1', '-2', '3'])
  })
  it('never becomes a double by accident', () => {
    const amount = Decimal.from('1.5') as unknown as number
    expect(() => amount + 1).toThrow(TypeError)
    expect(() => amount < 2).toThrow(TypeError)
    expect(Decimal.from('1.5').toNumber()).toBe(1.5)
    expect(`${Decimal.from('1.5')}`).toBe('1.5')
  })
  it('is equal by value', () => {
    expect(Decimal.from('1.5').equals(Decimal.from('1.500'))).toBe(true)
    expect(Decimal.from('1.5').equals(Decimal.from('1.501'))).toBe(false)
  })
  it('refuses what is no number', () => {
    for (const bad of ['', '.', 'abc', '1.2.3', 'NaN']) expect(() => Decimal.from(bad)).toThrow(RangeError)
  })
})

describe('Instant', () => {
  it('is a Date that keeps microseconds', () => {
    const moment = new Instant(1_500_000_000_123_456n)
    expect(moment.getTime()).toBe(1_500_000_000_123)
    expect(epochMicroseconds(moment)).toBe(1_500_000_000_123_456n)
    moment.setTime(5)
    expect(epochMicroseconds(moment)).toBe(5000n)
    expect(epochMicroseconds(new Date(Number.NaN))).toBeUndefined()
  })
})
