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

const TWO_DIGITS = Array.from({ length: 60 }, (_, value) => String(value).padStart(2, '0'))
const HOUR_US = 3_600_000_000
let hourText = ''
let hourUs = Number.NaN

/** `2026-03-02T06:00:00.123456Z`. A Date is made once an hour of event time: swipes come nearly in order. */
export function microsToText(micros: number): string {
  const hour = Math.floor(micros / HOUR_US) * HOUR_US
  if (hour !== hourUs) {
    hourUs = hour
    hourText = new Date(hour / 1000).toISOString().slice(0, 14)
  }
  const rest = micros - hour
  const seconds = Math.floor(rest / 1e6)
  const fraction = rest - seconds * 1e6 + 1e6
  return `${hourText}${TWO_DIGITS[Math.floor(seconds / 60)]}:${TWO_DIGITS[seconds % 60]}.${String(fraction).slice(1)}Z`
}
