/** What the pipeline must find, computed a second time over the generated rows: plain loops over arrays, in memory, after
 *  the fact. It shares no code with the engine, so that where both agree, both are probably right. The score of a row is
 *  given by the caller (another ONNX runtime than the engine's). */
import type { Cards } from './cards.js'
import type { Swipes } from './generate.js'
import { centsToText } from './json.js'
import { CATEGORIES, CITIES, CURRENCIES } from './world.js'

export const FEATURES = [
  'amount',
  'amount_ratio',
  'mean_ratio',
  'largest_ratio',
  'km',
  'km_per_hour',
  'seconds',
  'swipes_10m',
  'small_10m',
  'swipes_1d',
  'spent_1d_ratio',
  'km_from_home',
  'odd_hour',
  'odd_category',
] as const

/** Everything about one swipe that rules, reasons and features need. */
export interface Facts {
  readonly swipeId: number
  readonly cardId: number
  readonly cents: number
  readonly currency: string
  readonly category: string
  readonly city: string
  readonly previousCategory: string | undefined
  readonly previousCity: string | undefined
  readonly km: number | undefined
  readonly seconds: number | undefined
  readonly kmPerHour: number | undefined
  readonly kmFromHome: number
  readonly swipes10m: number
  readonly small10m: number
  readonly swipes1d: number
  readonly spent1dRatio: number
  readonly amountRatio: number
  readonly meanRatio: number
  readonly largestRatio: number
  readonly hour: number
  readonly oddHour: boolean
  readonly oddCategory: boolean
  readonly label: number
}

export interface Alert {
  readonly swipeId: number
  readonly cardId: number
  readonly reason: string
  readonly score: number
}

const MINUTES_10_US = 600_000_000
const DAY_US = 86_400_000_000
const SMALL_CENTS = 300
const ODD_CATEGORIES: ReadonlySet<string> = new Set(['electronics', 'jewellery', 'gift cards'])
/** The mean radius of the Earth. */
const EARTH_RADIUS_KM = 6371.0088

/** The facts of every swipe, in the order of their ids. */
export function factsOf(batches: readonly Swipes[], past: Swipes, cards: Cards): Facts[] {
  const history = summarize(past, cards)
  const facts: Facts[] = []
  for (const rows of byCard(batches)) {
    let tenMinutes = 0
    let day = 0
    let small = 0
    let spentCents = 0
    for (let index = 0; index < rows.length; index++) {
      const row = rows[index]!
      spentCents += row.cents
      if (row.cents < SMALL_CENTS) small += 1
      while (rows[tenMinutes]!.ts < row.ts - MINUTES_10_US) {
        if (rows[tenMinutes]!.cents < SMALL_CENTS) small -= 1
        tenMinutes += 1
      }
      while (rows[day]!.ts < row.ts - DAY_US) {
        spentCents -= rows[day]!.cents
        day += 1
      }
      const previous = rows[index - 1]
      const card = row.cardId - 1
      const home = CITIES[cards.homeCity[card]!]!
      const amount = row.cents / 100
      const average = cards.averageCents[card]! / 100
      const seconds = previous && (row.ts - previous.ts) / 1e6
      const km = previous && distanceKm(previous.lat, previous.lon, row.lat, row.lon)
      const hour = Math.floor(row.ts / 3_600_000_000) % 24
      facts.push({
        swipeId: row.swipeId,
        cardId: row.cardId,
        cents: row.cents,
        currency: CURRENCIES[row.currency]!,
        category: CATEGORIES[row.category]!.name,
        city: CITIES[row.city]!.name,
        previousCategory: previous && CATEGORIES[previous.category]!.name,
        previousCity: previous && CITIES[previous.city]!.name,
        km,
        seconds,
        kmPerHour: km === undefined || seconds === undefined ? undefined : (km / seconds) * 3600,
        kmFromHome: distanceKm(home.lat, home.lon, row.lat, row.lon),
        swipes10m: index - tenMinutes + 1,
        small10m: small,
        swipes1d: index - day + 1,
        spent1dRatio: spentCents / 100 / average,
        amountRatio: amount / average,
        meanRatio: amount / (history.mean[card] || average),
        largestRatio: amount / (history.largest[card] || average),
        hour,
        oddHour: (hour - cards.usualFrom[card]! + 24) % 24 >= cards.usualHours[card]!,
        oddCategory: ODD_CATEGORIES.has(CATEGORIES[row.category]!.name),
        label: row.label,
      })
    }
  }
  return facts.sort((a, b) => a.swipeId - b.swipeId)
}

/** The model's features of one swipe, in its order. */
export function featuresOf(facts: Facts): number[] {
  return [
    facts.cents / 100,
    facts.amountRatio,
    facts.meanRatio,
    facts.largestRatio,
    facts.km ?? 0,
    facts.kmPerHour ?? 0,
    facts.seconds ?? 86_400,
    facts.swipes10m,
    facts.small10m,
    facts.swipes1d,
    facts.spent1dRatio,
    facts.kmFromHome,
    facts.oddHour ? 1 : 0,
    facts.oddCategory ? 1 : 0,
  ]
}

/** The alert of a swipe with this score, or nothing. */
export function judge(facts: Facts, score: number): Alert | undefined {
  const reasons = [travelled(facts), tested(facts), unlike(facts), modelled(score)].filter(
    (reason) => reason !== undefined,
  )
  if (reasons.length === 0) return undefined
  return { swipeId: facts.swipeId, cardId: facts.cardId, reason: reasons.join('; '), score }
}

function travelled(facts: Facts): string | undefined {
  const { km, kmPerHour, seconds } = facts
  if (km === undefined || kmPerHour === undefined || seconds === undefined) return undefined
  if (km <= 300 || kmPerHour <= 1000) return undefined
  const speed = (Math.round(kmPerHour / 100) * 100).toLocaleString('en-US')
  const here = `${facts.category} in ${facts.city}`
  return `${here} ${elapsed(seconds)} after ${facts.previousCategory} in ${facts.previousCity}: ${speed} km/h`
}

function elapsed(seconds: number): string {
  if (seconds < 60) return 'seconds'
  if (seconds < 120) return 'a minute'
  if (seconds < 7200) return `${Math.floor(seconds / 60)} minutes`
  return `${Math.floor(seconds / 3600)} hours`
}

function tested(facts: Facts): string | undefined {
  if (facts.small10m < 4 || facts.amountRatio < 5) return undefined
  const amount = `${centsToText(facts.cents)} ${facts.currency}`
  return `${amount} after ${facts.small10m} payments of less than 3 within 10 minutes`
}

function unlike(facts: Facts): string | undefined {
  if (!facts.oddCategory || !facts.oddHour || facts.amountRatio < 3) return undefined
  const hour = String(facts.hour).padStart(2, '0')
  const times = Math.floor(facts.amountRatio)
  return `${facts.category} at ${hour}:00 UTC, outside the card's hours, for ${times} times its average`
}

function modelled(score: number): string | undefined {
  return score >= 0.9 ? `the model is ${Math.round(score * 100)} % sure` : undefined
}

interface Row {
  readonly swipeId: number
  readonly cardId: number
  readonly cents: number
  readonly currency: number
  readonly category: number
  readonly city: number
  readonly lat: number
  readonly lon: number
  readonly ts: number
  readonly label: number
}

/** The rows of each card, oldest first. */
function byCard(batches: readonly Swipes[]): Iterable<Row[]> {
  const cards = new Map<number, Row[]>()
  for (const batch of batches) {
    for (let index = 0; index < batch.count; index++) {
      const row: Row = {
        swipeId: batch.swipeId[index]!,
        cardId: batch.cardId[index]!,
        cents: batch.cents[index]!,
        currency: batch.currency[index]!,
        category: batch.category[index]!,
        city: batch.city[index]!,
        lat: batch.lat[index]!,
        lon: batch.lon[index]!,
        ts: batch.ts[index]!,
        label: batch.label[index]!,
      }
      const rows = cards.get(row.cardId)
      if (rows === undefined) cards.set(row.cardId, [row])
      else rows.push(row)
    }
  }
  for (const rows of cards.values()) rows.sort((a, b) => a.ts - b.ts)
  return cards.values()
}

/** Mean and largest amount of each card's past; 0 where it has none. */
function summarize(past: Swipes, cards: Cards): { mean: Float64Array; largest: Float64Array } {
  const count = new Int32Array(cards.count)
  const mean = new Float64Array(cards.count)
  const largest = new Float64Array(cards.count)
  for (let row = 0; row < past.count; row++) {
    const card = past.cardId[row]! - 1
    count[card]! += 1
    mean[card]! += past.cents[row]!
    largest[card] = Math.max(largest[card]!, past.cents[row]! / 100)
  }
  for (let card = 0; card < cards.count; card++) if (count[card]! > 0) mean[card] = mean[card]! / count[card]! / 100
  return { mean, largest }
}

function distanceKm(lat1: number, lon1: number, lat2: number, lon2: number): number {
  const radians = Math.PI / 180
  const north = Math.sin(((lat2 - lat1) * radians) / 2) ** 2
  const east = Math.sin(((lon2 - lon1) * radians) / 2) ** 2
  const chord = north + Math.cos(lat1 * radians) * Math.cos(lat2 * radians) * east
  return 2 * EARTH_RADIUS_KM * Math.asin(Math.min(1, Math.sqrt(chord)))
}
