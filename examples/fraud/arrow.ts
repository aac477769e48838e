/** Swipes and cards as Arrow IPC streams, written straight from the columns: no row ever becomes an object. */
import {
  type DataType,
  Decimal,
  Field,
  Float64,
  Int32,
  Int64,
  makeData,
  RecordBatch,
  Schema,
  Struct,
  Table,
  TimestampMicrosecond,
  tableToIPC,
  Utf8,
} from 'apache-arrow'
import type { Cards } from './cards.js'
import type { Swipes } from './generate.js'
import { CATEGORIES, CITIES, CURRENCIES, MERCHANTS } from './world.js'

type Column = readonly [name: string, data: ReturnType<typeof makeData>]

const encoder = new TextEncoder()

/** The vocabulary as UTF-8, each value's bytes found by two offsets. */
class Vocabulary {
  readonly bytes: Uint8Array
  readonly offsets: Int32Array
  readonly widest: number

  constructor(values: readonly string[]) {
    const encoded = values.map((value) => encoder.encode(value))
    this.offsets = new Int32Array(values.length + 1)
    for (const [index, value] of encoded.entries()) this.offsets[index + 1] = this.offsets[index]! + value.length
    this.bytes = new Uint8Array(this.offsets[values.length]!)
    for (const [index, value] of encoded.entries()) this.bytes.set(value, this.offsets[index]!)
    this.widest = Math.max(...encoded.map((value) => value.length))
  }
}

const CITY_NAMES = new Vocabulary(CITIES.map((city) => city.name))
const CATEGORY_NAMES = new Vocabulary(CATEGORIES.map((category) => category.name))
const MERCHANT_NAMES = new Vocabulary(MERCHANTS)
const CURRENCY_NAMES = new Vocabulary(CURRENCIES)

/** The columns of the stream `swipes`, in its order. */
export function swipesToArrow(swipes: Swipes): Uint8Array {
  return encode(swipes.count, [
    ['swipe_id', bigints(swipes.swipeId)],
    ['card_id', bigints(swipes.cardId)],
    ['amount', money(swipes.cents)],
    ['currency', texts(CURRENCY_NAMES, swipes.currency)],
    ['merchant', texts(MERCHANT_NAMES, swipes.merchant)],
    ['category', texts(CATEGORY_NAMES, swipes.category)],
    ['city', texts(CITY_NAMES, swipes.city)],
    ['lat', doubles(swipes.lat)],
    ['lon', doubles(swipes.lon)],
    ['ts', times(swipes.ts)],
  ])
}

/** Rows `start` up to `end` of the past swipes, as the stream `past_swipes` has them. */
export function pastToArrow(swipes: Swipes, start: number, end: number): Uint8Array {
  return encode(end - start, [
    ['card_id', bigints(swipes.cardId.subarray(start, end))],
    ['amount', money(swipes.cents.subarray(start, end))],
    ['category', texts(CATEGORY_NAMES, swipes.category.subarray(start, end))],
    ['city', texts(CITY_NAMES, swipes.city.subarray(start, end))],
    ['ts', times(swipes.ts.subarray(start, end))],
  ])
}

/** Cards `start` up to `end`, as the table `cards` has them. */
export function cardsToArrow(cards: Cards, start: number, end: number): Uint8Array {
  const count = end - start
  const indexes = Int32Array.from({ length: count }, (_, index) => start + index)
  const holders = new Vocabulary(Array.from(indexes, (card) => cards.holder(card)))
  const homes = cards.homeCity.subarray(start, end)
  return encode(count, [
    ['card_id', bigints(indexes.map((card) => card + 1))],
    ['holder', utf8(count, holders.offsets, holders.bytes)],
    ['home_city', texts(CITY_NAMES, homes)],
    ['home_lat', doubles(Float64Array.from(homes, (city) => CITIES[city]!.lat))],
    ['home_lon', doubles(Float64Array.from(homes, (city) => CITIES[city]!.lon))],
    ['avg_amount', money(cards.averageCents.subarray(start, end))],
    ['stddev_amount', money(cards.deviationCents.subarray(start, end))],
    ['usual_category', texts(CATEGORY_NAMES, cards.usualCategory.subarray(start, end))],
    ['usual_from', integers(Int32Array.from(cards.usualFrom.subarray(start, end)))],
    ['usual_hours', integers(Int32Array.from(cards.usualHours.subarray(start, end)))],
  ])
}

function encode(count: number, columns: readonly Column[]): Uint8Array {
  const fields = columns.map(([name, data]) => new Field(name, data.type as DataType, false))
  const schema = new Schema(fields)
  const children = columns.map(([, data]) => data)
  const struct = makeData({ type: new Struct(fields), length: count, nullCount: 0, children } as never)
  return tableToIPC(new Table(schema, [new RecordBatch(schema, struct as never)]), 'stream')
}

/** Non-negative 32-bit ids as 64-bit ones: the high words stay zero. */
function bigints(values: Int32Array) {
  const words = new Int32Array(values.length * 2)
  for (let row = 0; row < values.length; row++) words[row * 2] = values[row]!
  return makeData({ type: new Int64(), length: values.length, nullCount: 0, data: new BigInt64Array(words.buffer) })
}

function integers(values: Int32Array) {
  return makeData({ type: new Int32(), length: values.length, nullCount: 0, data: values })
}

function doubles(values: Float64Array) {
  return makeData({ type: new Float64(), length: values.length, nullCount: 0, data: values })
}

/** Non-negative cents as NUMERIC(10,2): 128-bit integers whose three high words stay zero. */
function money(cents: Int32Array) {
  const words = new Uint32Array(cents.length * 4)
  for (let row = 0; row < cents.length; row++) words[row * 4] = cents[row]!
  return makeData({ type: new Decimal(2, 10, 128), length: cents.length, nullCount: 0, data: words })
}

/** Microseconds as 64-bit integers, split by arithmetic since BigInt is slow. */
function times(micros: Float64Array) {
  const words = new Uint32Array(micros.length * 2)
  for (let row = 0; row < micros.length; row++) {
    const high = Math.floor(micros[row]! / 4294967296)
    words[row * 2] = micros[row]! - high * 4294967296
    words[row * 2 + 1] = high
  }
  const data = new BigInt64Array(words.buffer)
  return makeData({ type: new TimestampMicrosecond('UTC'), length: micros.length, nullCount: 0, data })
}

function texts(vocabulary: Vocabulary, indexes: Uint8Array | Uint16Array) {
  const { bytes, offsets, widest } = vocabulary
  const count = indexes.length
  const target = new Uint8Array(count * widest)
  const ends = new Int32Array(count + 1)
  let at = 0
  for (let row = 0; row < count; row++) {
    const index = indexes[row]!
    const end = offsets[index + 1]!
    for (let from = offsets[index]!; from < end; from++) target[at++] = bytes[from]!
    ends[row + 1] = at
  }
  return utf8(count, ends, target.subarray(0, at))
}

function utf8(count: number, valueOffsets: Int32Array, data: Uint8Array) {
  return makeData({ type: new Utf8(), length: count, nullCount: 0, valueOffsets, data })
}
