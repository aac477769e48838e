/** The generator: the same seed gives the same swipes in any batches, and they are what the job says they are. */
import { tableFromIPC } from 'apache-arrow'
import { beforeAll, describe, expect, it } from 'vitest'
import { cardsToArrow, pastToArrow, swipesToArrow } from '../../examples/fraud/arrow.js'
import { BURST, HONEST, ODD, START_US, SwipeGenerator, type Swipes, TRAVEL } from '../../examples/fraud/generate.js'
import { microsToText, swipeToJson } from '../../examples/fraud/json.js'
import { factsOf } from '../../examples/fraud/oracle.js'
import { CATEGORIES, CITIES, CURRENCIES, MERCHANTS } from '../../examples/fraud/world.js'

const SWIPES = 200_000
const CARDS = 20_000
let swipes: Swipes
let generator: SwipeGenerator

beforeAll(() => {
  generator = new SwipeGenerator({ seed: 11, cards: CARDS })
  swipes = generator.next(SWIPES)
})

const rows = <T>(pick: (row: number) => T): T[] => Array.from({ length: SWIPES }, (_, row) => pick(row))

it('gives the same swipes for the same seed, whatever the batches', () => {
  const again = new SwipeGenerator({ seed: 11, cards: CARDS })
  let from = 0
  for (const size of [1, 2, 1000, 8191, 50_000]) {
    const batch = again.next(size)
    for (const column of Object.keys(batch) as (keyof Swipes)[]) {
      if (column === 'count') continue
      expect(batch[column], column).toEqual(swipes[column].slice(from, from + size))
    }
    from += size
  }
})

it('gives other swipes for another seed', () => {
  const other = new SwipeGenerator({ seed: 12, cards: CARDS }).next(1000)
  expect(other.cardId).not.toEqual(swipes.cardId.slice(0, 1000))
})

it('numbers swipes in order of arrival, some of them late by up to ten seconds', () => {
  expect(rows((row) => swipes.swipeId[row]! === row + 1).every(Boolean)).toBe(true)
  let newest = 0
  let late = 0
  let latest = 0
  for (const ts of swipes.ts) {
    if (ts < newest) late += 1
    latest = Math.max(latest, newest - ts)
    newest = Math.max(newest, ts)
  }
  expect(late / SWIPES).toBeGreaterThan(0.01)
  expect(late / SWIPES).toBeLessThan(0.08)
  expect(latest).toBeGreaterThan(5e6)
})

it('never gives a card two swipes at one time', () => {
  const seen = new Set(rows((row) => swipes.cardId[row]! * 2 ** 36 + Math.floor((swipes.ts[row]! - START_US) / 1e6)))
  expect(seen.size).toBe(SWIPES)
})

it('spreads swipes over cards unevenly', () => {
  const perCard = new Int32Array(CARDS + 1)
  for (const card of swipes.cardId) perCard[card]! += 1
  const sorted = perCard.slice(1).sort().reverse()
  const top = sorted.slice(0, CARDS / 100).reduce((sum, n) => sum + n, 0)
  expect(sorted[0]! / (SWIPES / CARDS)).toBeGreaterThan(8)
  expect(top / SWIPES).toBeGreaterThan(0.05)
  expect(sorted[CARDS / 2]!).toBeGreaterThan(0)
})

it('holds about 0.3 % fraud of three kinds', () => {
  const kinds = [HONEST, TRAVEL, BURST, ODD].map((label) => swipes.label.filter((value) => value === label).length)
  const fraud = (kinds[1]! + kinds[2]! + kinds[3]!) / SWIPES
  expect(fraud).toBeGreaterThan(0.002)
  expect(fraud).toBeLessThan(0.004)
  for (const kind of kinds) expect(kind).toBeGreaterThan(50)
})

it('lets honest holders travel no faster than a plane, and thieves much faster', () => {
  const facts = factsOf([swipes], generator.past(), generator.cards)
  const fast = facts.filter(({ km = 0, kmPerHour = 0 }) => km > 300 && kmPerHour > 1000)
  expect(fast.length).toBeGreaterThan(100)
  expect(fast.filter(({ label }) => label !== TRAVEL)).toEqual([])
})

describe('Arrow', () => {
  it('holds the columns of the stream', () => {
    const batch = new SwipeGenerator({ seed: 11, cards: CARDS }).next(2000)
    const table = tableFromIPC(swipesToArrow(batch))
    expect(table.schema.fields.map((field) => `${field.name} ${field.type}`)).toEqual([
      'swipe_id Int64',
      'card_id Int64',
      'amount Decimal[10e+2]',
      'currency Utf8',
      'merchant Utf8',
      'category Utf8',
      'city Utf8',
      'lat Float64',
      'lon Float64',
      'ts Timestamp<MICROSECOND, UTC>',
    ])
    expect(table.numRows).toBe(2000)
    for (const row of [0, 1, 777, 1999]) {
      const given = (name: string): unknown => table.getChild(name)!.get(row)
      expect(given('swipe_id')).toBe(BigInt(batch.swipeId[row]!))
      expect(given('card_id')).toBe(BigInt(batch.cardId[row]!))
      expect([...(given('amount') as Uint32Array)]).toEqual([batch.cents[row]!, 0, 0, 0])
      expect(given('currency')).toBe(CURRENCIES[batch.currency[row]!])
      expect(given('merchant')).toBe(MERCHANTS[batch.merchant[row]!])
      expect(given('category')).toBe(CATEGORIES[batch.category[row]!]!.name)
      expect(given('city')).toBe(CITIES[batch.city[row]!]!.name)
      expect(given('lat')).toBe(batch.lat[row])
      expect(table.getChild('ts')!.data[0]!.values[row]).toBe(BigInt(batch.ts[row]!))
    }
  })

  it('holds cards and their past', () => {
    const cards = tableFromIPC(cardsToArrow(generator.cards, 100, 250))
    expect(cards.numRows).toBe(150)
    expect(cards.getChild('card_id')!.get(0)).toBe(101n)
    expect(cards.getChild('holder')!.get(149)).toBe(generator.cards.holder(249))
    const past = tableFromIPC(pastToArrow(generator.past(), 20, 30))
    expect(past.getChild('card_id')!.toArray()).toEqual(new BigInt64Array(10).fill(3n))
  })
})

it('writes JSON that says the same', () => {
  for (const row of [0, 5, SWIPES - 1]) {
    const message = JSON.parse(swipeToJson(swipes, row))
    expect(message.swipe_id).toBe(row + 1)
    expect(message.amount).toBe(swipes.cents[row]! / 100)
    expect(message.city).toBe(CITIES[swipes.city[row]!]!.name)
    expect(Date.parse(message.ts)).toBe(Math.floor(swipes.ts[row]! / 1000))
  }
  expect(microsToText(START_US + 3_600_000_000 * 20 + 61_000_007)).toBe('2026-03-03T02:01:01.000007Z')
})
