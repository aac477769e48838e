/** Values go into Arrow and come back unchanged, for every type and with NULLs; what does not fit names its column. */

import { describe, expect, it } from 'vitest'
import type { DataType } from '../../sql/contract/plan.generated.js'
import { columnReader, readBatches } from '../../src/native/arrow.js'
import { BatchWriter, ColumnSlices } from '../../src/native/column-writer.js'
import { MillraceError } from '../../src/native/errors.js'
import { Decimal } from '../../src/values/decimal.js'
import { Instant } from '../../src/values/instant.js'
import { Interval } from '../../src/values/interval.js'

const numeric: DataType = { type: 'numeric', precision: 38, scale: 4 }

function roundTrip(type: DataType, values: readonly unknown[]): unknown[] {
  const writer = new BatchWriter([{ name: 'a', type }], values.length)
  for (const value of values) writer.add([value])
  const ipc = writer.take()
  // An address that is no multiple of 8, as a Buffer out of a pool may have.
  const shifted = new Uint8Array(ipc.length + 1).subarray(1)
  shifted.set(ipc)
  const [batch] = readBatches(shifted)
  const read = columnReader(batch!.data.children[0]!, type)
  return Array.from({ length: batch!.numRows }, (_, index) => read(index))
}

describe('round trip', () => {
  const cases: readonly (readonly [DataType, readonly unknown[]])[] = [
    [{ type: 'boolean' }, [true, null, false, true, true, false, false, true, null, true]],
    [{ type: 'smallint' }, [-32_768, 32_767, null, 0]],
    [{ type: 'integer' }, [-2_147_483_648, null, 2_147_483_647]],
    [{ type: 'bigint' }, [-9_223_372_036_854_775_808n, null, 9_223_372_036_854_775_807n, 0n]],
    [{ type: 'real' }, [0.5, null, -0, Number.POSITIVE_INFINITY]],
    [{ type: 'double' }, [0.1, null, Number.MIN_VALUE, -0]],
    [{ type: 'text' }, ['', 'a', null, 'héllo', '日本語', '👩‍👩‍👧', 'x'.repeat(1000)]],
    [{ type: 'bytea' }, [Uint8Array.of(), null, Uint8Array.of(0, 255, 10)]],
    [{ type: 'date' }, ['1970-01-01', '2026-02-28', null, '1969-12-31', '9999-12-31']],
    [{ type: 'time' }, ['00:00:00', null, '23:59:59.999999']],
    [{ type: 'timestamp' }, ['2026-01-02 03:04:05.678', null, '1969-12-31 23:59:59.999999']],
  ]
  for (const [type, values] of cases) it(type.type, () => expect(roundTrip(type, values)).toEqual(values))

  it('numeric', () => {
    const values = [
      '99999999999999999999999999999999.9999',
      '-99999999999999999999999999999999.9999',
      '0.0001',
      '-0.0001',
      '0.0000',
    ]
    expect(roundTrip(numeric, values).map(String)).toEqual(values)
    expect(roundTrip(numeric, [1, 2n, 0.5, Decimal.from('1.00005'), null]).map(String)).toEqual([
      '1.0000',
      '2.0000',
      '0.5000',
      '1.0001',
      'null',
    ])
  })
  it('timestamptz', () => {
    const values = [new Instant(1n), null, new Instant(-1n), new Date(5), '2026-01-02T03:04:05.678901+02:00', 7n]
    const back = roundTrip({ type: 'timestamptz' }, values) as (Instant | null)[]
    expect(back.map((value) => value?.epochMicroseconds)).toEqual([
      1n,
      undefined,
      -1n,
      5000n,
      1_767_315_845_678_901n,
      7n,
    ])
  })
  it('interval', () => {
    const values = [new Interval({ months: -14, days: 3, microseconds: -5n }), null, new Interval({ days: -1 })]
    expect(roundTrip({ type: 'interval' }, values)).toEqual(values)
    expect(String(roundTrip({ type: 'interval' }, ['1 day 02:03:04'])[0])).toBe('1 day 02:03:04')
  })
})

describe('what does not fit', () => {
  const numericSmall: DataType = { type: 'numeric', precision: 4, scale: 2 }
  const cases: readonly (readonly [DataType, unknown, string, RegExp])[] = [
    [{ type: 'integer' }, 2_147_483_648, '22003', /out of range for column "a" of type integer/],
    [{ type: 'integer' }, 1.5, '42804', /column "a" is of type integer but the value is the number 1.5/],
    [{ type: 'smallint' }, '1', '42804', /column "a" is of type smallint but the value is the text "1"/],
    [{ type: 'bigint' }, 2 ** 60, '42804', /column "a"/],
    [{ type: 'bigint' }, 2n ** 63n, '22003', /column "a"/],
    [{ type: 'real' }, 1e300, '22003', /column "a"/],
    [numericSmall, '99.995', '22003', /numeric field overflow in column "a"/],
    [numericSmall, 'x', '42804', /column "a"/],
    [{ type: 'text' }, 5, '42804', /column "a" is of type text/],
    [{ type: 'boolean' }, 1, '42804', /column "a"/],
    [{ type: 'date' }, '2026-02-30', '22008', /column "a"/],
    [{ type: 'date' }, 'soon', '22007', /column "a"/],
    [{ type: 'timestamptz' }, 1_700_000_000, '42804', /column "a"/],
    [{ type: 'timestamptz' }, new Date(Number.NaN), '42804', /column "a"/],
    [{ type: 'interval' }, { months: 0.5 }, '42804', /column "a"/],
    [{ type: 'bytea' }, 'abc', '42804', /column "a"/],
  ]
  for (const [type, value, code, message] of cases) {
    it(`${type.type} ${String(value)}`, () => {
      const writer = new BatchWriter([{ name: 'a', type }], 1)
      const failure = (() => {
        try {
          writer.add([value])
        } catch (error) {
          return error
        }
      })() as MillraceError
      expect(failure).toBeInstanceOf(MillraceError)
      expect(failure.message).toMatch(message)
      expect(failure.code).toBe(code)
    })
  }

  it('a row that fails half way leaves nothing behind', () => {
    const columns = [
      { name: 'a', type: { type: 'text' } },
      { name: 'b', type: { type: 'integer' } },
    ] as const
    const writer = new BatchWriter(columns, 3)
    writer.add(['one', 1])
    expect(() => writer.add(['two', 'x'])).toThrow(MillraceError)
    writer.add([null, 3])
    const [batch] = readBatches(writer.take())
    expect(batch!.numRows).toBe(2)
    const read = batch!.data.children.map((column, index) => columnReader(column, columns[index]!.type))
    expect([0, 1].map((row) => read.map((value) => value(row)))).toEqual([
      ['one', 1],
      [null, 3],
    ])
  })
})

it('a typed array of the right layout is taken whole', async () => {
  const values = Float64Array.of(1, 2, 3)
  const noPause = () => undefined
  const column = { name: 'a', type: { type: 'double' } } as const
  const whole = await new ColumnSlices(column, values).data(1, 3, noPause)
  expect((whole.values as Float64Array).buffer).toBe(values.buffer)
  expect([...(whole.values as Float64Array)]).toEqual([2, 3])
  const widened = await new ColumnSlices(column, Int32Array.of(1, 2)).data(0, 2, noPause)
  expect([...(widened.values as Float64Array)]).toEqual([1, 2])
})
