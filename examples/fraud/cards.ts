/** Card holders: where they live, how they spend, and how often each card is used. A pure function of seed and count. */
import { Random } from './random.js'
import { CATEGORIES, CITIES, CURRENCIES, FIRST_NAMES, LAST_NAMES } from './world.js'

/** Columns indexed by card number; card_id is the index + 1. */
export interface Cards {
  readonly count: number
  readonly homeCity: Uint8Array
  readonly averageCents: Int32Array
  readonly deviationCents: Int32Array
  readonly usualCategory: Uint8Array
  /** First hour (UTC) of the day in which the card is usually used, and for how many hours. */
  readonly usualFrom: Uint8Array
  readonly usualHours: Uint8Array
  readonly currency: Uint8Array
  holder(card: number): string
}

export const CARDS_MAX = 5_000_000

export function makeCards(seed: number, count: number): Cards {
  if (!Number.isInteger(count) || count < 1 || count > CARDS_MAX) {
    throw new RangeError(`the number of cards must be between 1 and ${CARDS_MAX}`)
  }
  const random = new Random(seed ^ 0x00c0ffee)
  const everyday = CATEGORIES.flatMap((category, index) => (category.everyday ? [index] : []))
  const homeCity = new Uint8Array(count)
  const averageCents = new Int32Array(count)
  const deviationCents = new Int32Array(count)
  const usualCategory = new Uint8Array(count)
  const usualFrom = new Uint8Array(count)
  const usualHours = new Uint8Array(count)
  const currency = new Uint8Array(count)
  for (let card = 0; card < count; card++) {
    const cityIndex = random.below(CITIES.length)
    const city = CITIES[cityIndex]!
    homeCity[card] = cityIndex
    const average = Math.min(200, Math.max(8, Math.exp(3.4 + 0.5 * random.normal())))
    averageCents[card] = Math.round(average * 100)
    deviationCents[card] = Math.round(average * random.between(0.4, 0.8) * 100)
    usualCategory[card] = everyday[random.below(everyday.length)]!
    usualFrom[card] = (6 + random.below(3) - city.utcOffset + 24) % 24
    usualHours[card] = 14 + random.below(3)
    currency[card] = CURRENCIES.indexOf(city.currency)
  }
  return {
    count,
    homeCity,
    averageCents,
    deviationCents,
    usualCategory,
    usualFrom,
    usualHours,
    currency,
    holder: (card) => {
      const first = FIRST_NAMES[card % FIRST_NAMES.length]!
      const last = LAST_NAMES[Math.floor(card / FIRST_NAMES.length) % LAST_NAMES.length]!
      return `${first} ${last}`
    },
  }
}

/** Draws cards with a Zipf-Mandelbrot spread in constant time (Walker's alias method): the busiest cards are used about
 *  twenty times as often as the average one, as a company's card is, rather than owning a tenth of all swipes. */
export class CardPicker {
  readonly #threshold: Float64Array
  readonly #alias: Int32Array
  readonly #random: Random

  constructor(random: Random, count: number) {
    this.#random = random
    const flattening = count / 50 + 1
    const weights = Float64Array.from({ length: count }, (_, rank) => 1 / (rank + flattening))
    const total = weights.reduce((sum, weight) => sum + weight, 0)
    this.#threshold = new Float64Array(count).fill(1)
    this.#alias = Int32Array.from({ length: count }, (_, index) => index)
    const scaled = weights.map((weight) => (weight / total) * count)
    const small: number[] = []
    const large: number[] = []
    for (let index = 0; index < count; index++) (scaled[index]! < 1 ? small : large).push(index)
    while (small.length > 0 && large.length > 0) {
      const less = small.pop()!
      const more = large[large.length - 1]!
      this.#threshold[less] = scaled[less]!
      this.#alias[less] = more
      scaled[more] = scaled[more]! + scaled[less]! - 1
      if (scaled[more]! < 1) small.push(large.pop()!)
    }
  }

  pick(): number {
    const position = this.#random.unit() * this.#threshold.length
    const index = Math.floor(position)
    return position - index < this.#threshold[index]! ? index : this.#alias[index]!
  }
}
