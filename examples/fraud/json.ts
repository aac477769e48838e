/** Swipes as JSON, one message a swipe, as a payment terminal's gateway would write them to a topic. */
import type { Swipes } from './generate.js'
import { CATEGORIES, CITIES, CURRENCIES, MERCHANTS } from './world.js'

const CITY_JSON = CITIES.map((city) => JSON.stringify(city.name))
const CATEGORY_JSON = CATEGORIES.map((category) => JSON.stringify(category.name))
const MERCHANT_JSON = MERCHANTS.map((merchant) => JSON.stringify(merchant))
const CURRENCY_JSON = CURRENCIES.map((currency) => JSON.stringify(currency))

/** The message of one row. Amounts are decimal numbers with two digits, times RFC 3339 with microseconds. */
export function swipeToJson(swipes: Swipes, row: number): string {
  const cents = swipes.cents[row]!
  return (
    `{"swipe_id":${swipes.swipeId[row]},"card_id":${swipes.cardId[row]},"amount":${centsToText(cents)}` +
    `,"currency":${CURRENCY_JSON[swipes.currency[row]!]},"merchant":${MERCHANT_JSON[swipes.merchant[row]!]}` +
    `,"category":${CATEGORY_JSON[swipes.category[row]!]},"city":${CITY_JSON[swipes.city[row]!]}` +
    `,"lat":${swipes.lat[row]},"lon":${swipes.lon[row]},"ts":"${microsToText(swipes.ts[row]!)}"}`
  )
}

export function centsToText(cents: number): string {
  return `${Math.floor(cents / 100)}.${String(cents % 100).padStart(2, '0')}`
}

export function microsToText(micros: number): string {
  const seconds = Math.floor(micros / 1e6)
  const fraction = micros - seconds * 1e6
  return `${new Date(seconds * 1000).toISOString().slice(0, 19)}.${String(fraction).padStart(6, '0')}Z`
}
