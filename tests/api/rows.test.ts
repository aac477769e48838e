/** Rows as objects and arrays: what slices, runs of text and made functions could get wrong. */
import { expect, it } from 'vitest'
import type { DataType, Field } from '../../sql/index.js'
import { open } from '../../src/index.js'
import { readBatches } from '../../src/native/arrow.js'
import { BatchWriter } from '../../src/native/column-writer.js'
import { plainMaker, RowReader } from '../../src/native/row-reader.js'

type Column = readonly [name: string, type: DataType, values: readonly unknown[]]

/** Writes columns, and reads rows as objects and as arrays, slice by slice. */
function roundTrip(columns: readonly Column[]) {
  const rows = columns[0]?.[2].length ?? 0
  const fields = columns.map(([name, data_type]): Field => ({ name, data_type, nullable: true }))
  const writer = new BatchWriter(
    columns.map(([name, type]) => ({ name, type })),
    rows,
  )
  for (let row = 0; row < rows; row++) writer.add(columns.map(([, , values]) => values[row]))
  const [batch] = readBatches(writer.take())
  const reader = new RowReader(fields).of(batch!)
  const objects: Record<string, unknown>[] = []
  const arrays: never[][] = []
  const slices: number[] = []
  for (let from = 0; from < rows; ) {
    const end = reader.end(from, rows)
    reader.objects(from, end, objects, from)
    reader.arrays(from, end, arrays)
    slices.push(end - from)
    from = end
  }
  return { objects, arrays: arrays as unknown[][], slices }
}

const COUNT = 3000

it('every row has its own values, with NULLs, over the ends of slices and runs', () => {
  const every = (value: (row: number) => unknown) => Array.from({ length: COUNT }, (_, row) => value(row))
  const words = ['', 'plain', 'grüße', '🦀 crab', '\ufeffmark', 'x'.repeat(5000), 'a text that is longer than a dozen']
  const columns: Column[] = [
    ['id', { type: 'bigint' }, every((row) => BigInt(row) - 5n)],
    ['maybe', { type: 'bigint' }, every((row) => (row % 3 === 0 ? null : BigInt(row)))],
    ['number', { type: 'double' }, every((row) => row / 7)],
    ['small', { type: 'smallint' }, every((row) => (row % 2 === 0 ? null : row))],
    ['flag', { type: 'boolean' }, every((row) => (row % 5 === 0 ? null : row % 2 === 0))],
    ['ascii', { type: 'text' }, every((row) => `row ${row}`)],
    ['word', { type: 'text' }, every((row) => (row % 11 === 0 ? null : words[row % words.length]))],
    ['day', { type: 'date' }, every((row) => (row % 4 === 0 ? null : '2026-11-23'))],
  ]
  const { objects, arrays, slices } = roundTrip(columns)
  const expected = every((row) => columns.map(([, , values]) => values[row]))
  expect(arrays).toEqual(expected)
  expect(objects).toEqual(
    (expected as unknown[][]).map((values) => Object.fromEntries(columns.map(([name], at) => [name, values[at]]))),
  )
  expect(slices.length).toBeGreaterThan(1)
})

it('slices are short where rows are wide', () => {
  const wide = Array.from({ length: 900 }, (_, n): Column => [`c${n}`, { type: 'integer' }, new Array(100).fill(n)])
  expect(Math.max(...roundTrip(wide).slices)).toBeLessThan(20)
  const long = 'y'.repeat(100_000)
  const { slices, objects } = roundTrip([['t', { type: 'text' }, new Array(20).fill(long)]])
  expect(Math.max(...slices)).toBeLessThanOrEqual(3)
  expect(objects.every(({ t }) => t === long)).toBe(true)
})

it('a column may have any name, and of two of one name the later wins', () => {
  const int = { type: 'integer' } as const
  const names = ['__proto__', 'constructor', 'toString', '1', 'a"b\\c\n', `$\{x}`, 'a', 'a', '']
  const { objects, arrays } = roundTrip(names.map((name, at): Column => [name, int, [at]]))
  const [row] = objects
  expect(arrays).toEqual([[0, 1, 2, 3, 4, 5, 6, 7, 8]])
  expect(Object.getPrototypeOf(row)).toBe(Object.prototype)
  expect(Object.getOwnPropertyDescriptor(row, '__proto__')?.value).toBe(0)
  expect(row!.a).toBe(7)
  expect(row!['a"b\\c\n']).toBe(4)
  expect(row![`$\{x}`]).toBe(5)
  // Where code must not be made of text.
  const plain: Record<string, unknown>[] = []
  plainMaker(names)(
    names.map((_, at) => [at]),
    1,
    plain,
    0,
  )
  expect(plain).toEqual(objects)
  expect(Object.keys(plain[0]!)).toEqual(Object.keys(row!))
})

it('all forms of a result have the same rows', async () => {
  await using db = await open()
  const text = `SELECT i::bigint AS id, 'row ' || i::text AS label FROM generate_series(1, 20000) AS g(i) ORDER BY i`
  const result = await db.query<{ id: bigint; label: string }>(text)
  const expected = Array.from({ length: 20_000 }, (_, n) => ({ id: BigInt(n + 1), label: `row ${n + 1}` }))
  expect(result.rows).toEqual(expected)
  expect(await result.toArray()).toEqual(expected)
  expect([...result]).toEqual(expected)
  expect([...result.batches()].flatMap((batch) => batch.rows)).toEqual(expected)
  expect([...result.batches()].flatMap((batch) => [...batch])).toEqual(expected)
  expect(result.arrays()).toEqual(expected.map(({ id, label }) => [id, label]))
  const batches = [...result.batches()]
  expect(Math.max(...batches.map((batch) => batch.rowCount))).toBeLessThanOrEqual(8192)
  expect(batches.reduce((sum, batch) => sum + batch.arrow.numRows, 0)).toBe(20_000)
})

it('rows that are asked for at once are given in order, and nothing comes after return', async () => {
  await using db = await open()
  const result = await db.query<{ i: bigint }>('SELECT i::bigint AS i FROM generate_series(1, 5000) AS g(i) ORDER BY 1')
  const rows = result[Symbol.asyncIterator]()
  const asked = await Promise.all(Array.from({ length: 5001 }, () => rows.next()))
  expect(asked.slice(0, 5000).map(({ value }) => value?.i)).toEqual(
    Array.from({ length: 5000 }, (_, n) => BigInt(n + 1)),
  )
  expect(asked[5000]).toEqual({ done: true, value: undefined })
  const other = result[Symbol.asyncIterator]()
  await other.next()
  await other.return!()
  expect(await other.next()).toEqual({ done: true, value: undefined })
})
