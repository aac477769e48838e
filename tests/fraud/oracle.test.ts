/** The oracle itself: its words on hand-made facts, and the runtime that scores for it against the stored vectors. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { type Facts, judge } from '../../examples/fraud/oracle.js'
import { root } from '../tidy/sources.js'
import { expectedAlerts, openModel, score } from './expected.js'

const calm: Facts = {
  swipeId: 1,
  cardId: 1,
  cents: 450,
  currency: 'GBP',
  category: 'coffee',
  city: 'London',
  previousCategory: 'petrol',
  previousCity: 'New York',
  km: 0.4,
  seconds: 300,
  kmPerHour: 4.8,
  kmFromHome: 1,
  swipes10m: 2,
  small10m: 0,
  swipes1d: 4,
  spent1dRatio: 2,
  amountRatio: 0.2,
  meanRatio: 0.2,
  largestRatio: 0.1,
  hour: 9,
  oddHour: false,
  oddCategory: false,
  label: 0,
}

it('says nothing of a swipe like any other', () => {
  expect(judge(calm, 0.01)).toBeUndefined()
})

it('tells reasons in words', () => {
  const reason = (facts: Partial<Facts>, given = 0): string | undefined => judge({ ...calm, ...facts }, given)?.reason
  expect(reason({ km: 5570, kmPerHour: 66_843 })).toBe(
    'coffee in London 5 minutes after petrol in New York: 66,800 km/h',
  )
  expect(reason({ km: 5570, kmPerHour: 1_336_860, seconds: 15 })).toBe(
    'coffee in London seconds after petrol in New York: 1,336,900 km/h',
  )
  expect(reason({ km: 16_000, kmPerHour: 4000, seconds: 14_400 })).toContain(' 4 hours after ')
  expect(reason({ km: 299, kmPerHour: 66_843 })).toBeUndefined()
  expect(reason({ small10m: 6, cents: 81_250, amountRatio: 12.4 })).toBe(
    '812.50 GBP after 6 payments of less than 3 within 10 minutes',
  )
  expect(reason({ category: 'jewellery', oddCategory: true, oddHour: true, hour: 3, amountRatio: 9.99 })).toBe(
    "jewellery at 03:00 UTC, outside the card's hours, for 9 times its average",
  )
  expect(reason({}, 0.9749)).toBe('the model is 97 % sure')
  expect(reason({ small10m: 4, amountRatio: 5 }, 0.999)).toBe(
    '4.50 GBP after 4 payments of less than 3 within 10 minutes; the model is 100 % sure',
  )
})

it('scores as ONNX Runtime did in Python', async () => {
  const text = readFileSync(join(root, 'examples', 'fraud', 'model', 'vectors.json'), 'utf8')
  const vectors = JSON.parse(text) as { features: number[]; score: number }[]
  expect(vectors.length).toBeGreaterThanOrEqual(200)
  const scores = await score(await openModel(), Float32Array.from(vectors.flatMap((vector) => vector.features)))
  for (const [row, vector] of vectors.entries()) expect(Math.abs(scores[row]! - vector.score)).toBeLessThanOrEqual(1e-5)
})

it('finds each kind of fraud', async () => {
  const alerts = [...(await expectedAlerts({ seed: 11, cards: 5000, swipes: 50_000 })).values()]
  for (const words of [' after ', ' payments of less than 3 ', ' outside the card', ' % sure']) {
    expect(alerts.filter((alert) => alert.reason.includes(words)).length).toBeGreaterThan(5)
  }
})
