/** The swipes: an endless, seeded sequence in order of arrival, in column batches. Honest holders buy where they are, at
 *  their hours, and travel no faster than a plane; about 0.3 % of the swipes are fraud of three kinds, labelled as such
 *  beside the columns (the label trains the model and is never shown to the pipeline). */
import { CardPicker, type Cards, makeCards } from './cards.js'
import { Random } from './random.js'
import { TimeQueue } from './time-queue.js'
import { BRANDS, CATEGORIES, CITIES, CITY_DISTANCES_KM } from './world.js'

export interface GeneratorOptions {
  readonly seed: number
  readonly cards: number
  /** Past swipes of each card, all before the first swipe of the stream. */
  readonly history?: number
}

/** Columns of one batch; strings are indexes into the vocabularies of `world.ts`. */
export interface Swipes {
  readonly count: number
  readonly swipeId: Int32Array
  readonly cardId: Int32Array
  readonly cents: Int32Array
  readonly currency: Uint8Array
  readonly merchant: Uint16Array
  readonly category: Uint8Array
  readonly city: Uint8Array
  readonly lat: Float64Array
  readonly lon: Float64Array
  /** Microseconds since 1970; an integer below 2⁵³. */
  readonly ts: Float64Array
  readonly label: Uint8Array
}

export const HONEST = 0
export const TRAVEL = 1
export const BURST = 2
export const ODD = 3

const SECOND_US = 1e6
const HOUR_US = 3600 * SECOND_US
const DAY_US = 24 * HOUR_US
/** 2026-03-02T06:00:00Z. */
export const START_US = 1_772_431_200_000_000
const SWIPES_PER_CARD_AND_DAY = 6
const PLANE_KM_PER_HOUR = 800
/** Per honest swipe, so that with about 2.2 swipes an episode 0.3 % of all swipes are fraud. */
const EPISODE_CHANCE = 0.0014
const LATE_CHANCE = 0.03
const LATE_US_MAX = 10 * SECOND_US
const HISTORY_DAYS = 30

const CATEGORY_COUNT = CATEGORIES.length
const EVERYDAY = CATEGORIES.flatMap((category, index) => (category.everyday ? [index] : []))
const LUXURY = ['electronics', 'jewellery', 'gift cards'].map(categoryIndex)
const ONLINE = categoryIndex('online shopping')

interface Planned {
  readonly time: number
  readonly card: number
  readonly city: number
  readonly category: number
  readonly cents: number
  readonly label: number
}

interface Late extends Planned {
  readonly merchant: number
  readonly ts: number
}

function categoryIndex(name: string): number {
  const index = CATEGORIES.findIndex((category) => category.name === name)
  if (index < 0) throw new Error(`no category ${name}`)
  return index
}

export class SwipeGenerator {
  readonly cards: Cards
  readonly #seed: number
  readonly #history: number
  readonly #random: Random
  readonly #picker: CardPicker
  readonly #planned = new TimeQueue<Planned>()
  readonly #late = new TimeQueue<Late>()
  readonly #city: Uint8Array
  readonly #lastUs: Float64Array
  readonly #blockedUntilUs: Float64Array
  readonly #gapUs: number
  readonly #shopLat: Float64Array
  readonly #shopLon: Float64Array
  #clockUs = START_US
  #nextId = 1

  constructor(options: GeneratorOptions) {
    this.cards = makeCards(options.seed, options.cards)
    this.#seed = options.seed
    this.#history = options.history ?? 10
    this.#random = new Random(options.seed)
    this.#picker = new CardPicker(this.#random, options.cards)
    this.#city = this.cards.homeCity.slice()
    this.#lastUs = new Float64Array(options.cards).fill(START_US - DAY_US)
    this.#blockedUntilUs = new Float64Array(options.cards)
    this.#gapUs = DAY_US / (options.cards * SWIPES_PER_CARD_AND_DAY)
    const merchants = CATEGORY_COUNT * BRANDS
    const place = new Random(7)
    const offset = (): number => place.between(-0.05, 0.05)
    this.#shopLat = Float64Array.from({ length: merchants * CITIES.length }, (_, index) =>
      degrees(CITIES[Math.floor(index / merchants)]!.lat + offset()),
    )
    this.#shopLon = Float64Array.from({ length: merchants * CITIES.length }, (_, index) =>
      degrees(CITIES[Math.floor(index / merchants)]!.lon + offset()),
    )
  }

  /** The next `count` swipes in order of arrival. */
  next(count: number): Swipes {
    const batch = allocate(count)
    let row = 0
    while (row < count) {
      if (this.#late.time <= this.#clockUs) {
        this.#write(batch, row++, this.#late.pop()!)
        continue
      }
      const swipe = this.#happen()
      if (this.#random.unit() < LATE_CHANCE) {
        this.#late.push({ ...swipe, time: swipe.ts + this.#random.between(0.1 * SECOND_US, LATE_US_MAX) })
      } else {
        this.#write(batch, row++, swipe)
      }
    }
    return batch
  }

  /** All past swipes, a card's together, oldest first. `swipeId` counts on its own; all labels are honest. */
  past(): Swipes {
    const random = new Random(this.#seed ^ 0x5eed)
    const batch = allocate(this.cards.count * this.#history)
    const step = (HISTORY_DAYS * DAY_US) / (this.#history + 1)
    let row = 0
    for (let card = 0; card < this.cards.count; card++) {
      for (let turn = 0; turn < this.#history; turn++) {
        const category = this.#honestCategory(random, card)
        const late = Math.floor((turn + random.unit()) * step)
        const ts = START_US - (HISTORY_DAYS + 1) * DAY_US + late
        const city = this.cards.homeCity[card]!
        const merchant = category * BRANDS + random.below(BRANDS)
        const cents = this.#honestCents(random, card, category)
        put(batch, row, row + 1, card, cents, this.cards.currency[card]!, merchant, category, city, ts, HONEST)
        batch.lat[row] = this.#shopLat[city * CATEGORY_COUNT * BRANDS + merchant]!
        batch.lon[row] = this.#shopLon[city * CATEGORY_COUNT * BRANDS + merchant]!
        row += 1
      }
    }
    return batch
  }

  /** The next swipe in event time: a planned one if it is due, else an honest one. */
  #happen(): Late {
    const random = this.#random
    this.#clockUs += random.exponential(this.#gapUs)
    const planned = this.#planned.time <= this.#clockUs ? this.#planned.pop() : undefined
    if (planned !== undefined)
      return this.#finish(planned, Math.max(planned.time, this.#lastUs[planned.card]! + SECOND_US))
    const card = this.#pickHonest()
    const city = this.#move(card)
    const category = this.#honestCategory(random, card)
    const cents = this.#honestCents(random, card, category)
    const swipe = this.#finish({ time: 0, card, city, category, cents, label: HONEST }, this.#clockUs)
    if (random.unit() < EPISODE_CHANCE) this.#planEpisode(card, city, swipe.ts)
    return swipe
  }

  #finish(swipe: Planned, atUs: number): Late {
    const merchant = swipe.category * BRANDS + this.#random.below(BRANDS)
    const ts = Math.floor(atUs)
    this.#lastUs[swipe.card] = ts
    return {
      time: ts,
      ts,
      merchant,
      card: swipe.card,
      city: swipe.city,
      category: swipe.category,
      cents: swipe.cents,
      label: swipe.label,
    }
  }

  /** A card that is not blocked, was not used in the last seconds and (nearly always) is used at this hour. */
  #pickHonest(): number {
    const { usualFrom, usualHours } = this.cards
    for (let attempt = 0; ; attempt++) {
      const card = this.#picker.pick()
      const awake = (this.#hour() - usualFrom[card]! + 24) % 24 < usualHours[card]!
      const chosen = awake || this.#random.unit() < 0.03 || attempt > 64
      if (!chosen || this.#blockedUntilUs[card]! > this.#clockUs) {
        // Few cards may all be blocked or asleep: let time pass rather than search for ever.
        if (attempt > 16) this.#clockUs += 60 * SECOND_US
        continue
      }
      if (this.#clockUs - this.#lastUs[card]! >= 20 * SECOND_US) return card
      if (attempt > 16) this.#clockUs += 5 * SECOND_US
    }
  }

  #hour(): number {
    return Math.floor(this.#clockUs / HOUR_US) % 24
  }

  /** Where the holder is now. A journey takes a plane's time and two hours more. */
  #move(card: number): number {
    const here = this.#city[card]!
    const home = this.cards.homeCity[card]!
    const random = this.#random
    if (random.unit() >= (here === home ? 0.01 : 0.1)) return here
    const there = here === home ? random.below(CITIES.length) : home
    const hours = (this.#clockUs - this.#lastUs[card]!) / HOUR_US
    if (hours < CITY_DISTANCES_KM[here * CITIES.length + there]! / PLANE_KM_PER_HOUR + 2) return here
    this.#city[card] = there
    return there
  }

  #honestCategory(random: Random, card: number): number {
    const draw = random.unit()
    if (draw < 0.55) return this.cards.usualCategory[card]!
    if (draw < 0.96) return EVERYDAY[random.below(EVERYDAY.length)]!
    return random.below(CATEGORY_COUNT)
  }

  /** Log-normal around the holder's average; one in a hundred purchases is a big one. */
  #honestCents(random: Random, card: number, category: number): number {
    const average = this.cards.averageCents[card]!
    const ratio = this.cards.deviationCents[card]! / average
    const variance = Math.log(1 + ratio * ratio)
    const factor = Math.exp(Math.sqrt(variance) * random.normal() - variance / 2)
    const big = random.unit() < 0.01 ? random.between(3, 6) : 1
    return Math.max(50, Math.round(average * factor * big * CATEGORIES[category]!.scale))
  }

  /** Plans the swipes of one fraud that begins after an honest swipe, and keeps the holder away until it is over. */
  #planEpisode(card: number, city: number, now: number): void {
    const draw = this.#random.unit()
    if (draw < 0.45) this.#planTravel(card, city, now)
    else if (draw < 0.57) this.#planBurst(card, city, now)
    else this.#planOdd(card, city, now)
  }

  /** The card's copy is used far away within minutes. */
  #planTravel(card: number, here: number, now: number): void {
    const random = this.#random
    let there = here
    while (CITY_DISTANCES_KM[here * CITIES.length + there]! < 700) there = random.below(CITIES.length)
    let time = now
    const count = 1 + random.below(3)
    for (let turn = 0; turn < count; turn++) {
      time += random.between(2 * 60, 20 * 60) * SECOND_US
      const category = random.below(CATEGORY_COUNT)
      const cents = Math.round(this.#honestCents(random, card, category) * random.between(1, 3))
      this.#planned.push({ time, card, city: there, category, cents, label: TRAVEL })
    }
    const back = (CITY_DISTANCES_KM[here * CITIES.length + there]! / PLANE_KM_PER_HOUR + 3) * HOUR_US
    this.#blockedUntilUs[card] = time + back + random.between(0, 6) * HOUR_US
  }

  /** Small payments try whether the card works, then comes a large one. */
  #planBurst(card: number, city: number, now: number): void {
    const random = this.#random
    let time = now + random.between(60, 600) * SECOND_US
    const count = 4 + random.below(5)
    for (let turn = 0; turn < count; turn++) {
      time += random.between(8, 50) * SECOND_US
      this.#planned.push({ time, card, city, category: ONLINE, cents: 50 + random.below(200), label: BURST })
    }
    time += random.between(20, 120) * SECOND_US
    const cents = Math.round(this.cards.averageCents[card]! * random.between(8, 20))
    this.#planned.push({ time, card, city, category: LUXURY[random.below(LUXURY.length)]!, cents, label: BURST })
    this.#blockedUntilUs[card] = time + random.between(1, 6) * HOUR_US
  }

  /** Something dear that the holder never buys, at an hour at which the holder sleeps. */
  #planOdd(card: number, city: number, now: number): void {
    const random = this.#random
    const hour = Math.floor(now / HOUR_US) % 24
    const awake = this.cards.usualHours[card]!
    const intoDay = (hour - this.cards.usualFrom[card]! + 24) % 24
    const untilSleep = intoDay < awake ? awake - intoDay : 0
    const time = now + (untilSleep + random.between(0.1, 24 - awake - 1)) * HOUR_US
    const cents = Math.round(this.cards.averageCents[card]! * random.between(4, 12))
    this.#planned.push({ time, card, city, category: LUXURY[random.below(LUXURY.length)]!, cents, label: ODD })
    this.#blockedUntilUs[card] = time + random.between(1, 3) * HOUR_US
  }

  #write(batch: Swipes, row: number, swipe: Late): void {
    const currency = this.cards.currency[swipe.card]!
    const { card, cents, merchant, category, city, ts, label } = swipe
    put(batch, row, this.#nextId++, card, cents, currency, merchant, category, city, ts, label)
    const shop = city * CATEGORY_COUNT * BRANDS + merchant
    batch.lat[row] = this.#shopLat[shop]!
    batch.lon[row] = this.#shopLon[shop]!
  }
}

const degrees = (value: number): number => Math.round(value * 1e4) / 1e4

function allocate(count: number): Swipes {
  return {
    count,
    swipeId: new Int32Array(count),
    cardId: new Int32Array(count),
    cents: new Int32Array(count),
    currency: new Uint8Array(count),
    merchant: new Uint16Array(count),
    category: new Uint8Array(count),
    city: new Uint8Array(count),
    lat: new Float64Array(count),
    lon: new Float64Array(count),
    ts: new Float64Array(count),
    label: new Uint8Array(count),
  }
}

function put(
  batch: Swipes,
  row: number,
  id: number,
  card: number,
  cents: number,
  currency: number,
  merchant: number,
  category: number,
  city: number,
  ts: number,
  label: number,
): void {
  batch.swipeId[row] = id
  batch.cardId[row] = card + 1
  batch.cents[row] = cents
  batch.currency[row] = currency
  batch.merchant[row] = merchant
  batch.category[row] = category
  batch.city[row] = city
  batch.ts[row] = ts
  batch.label[row] = label
}
