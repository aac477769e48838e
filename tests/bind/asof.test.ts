/** ASOF JOIN's condition: equalities and one inequality of the two sides. */
import { expect, test } from 'vitest'
import { compileText } from '../plans/planner.js'

test.each([
  'SELECT 1 FROM swipes s ASOF JOIN swipes t ON s.card_id = t.card_id',
  'SELECT 1 FROM swipes s ASOF JOIN swipes t ON s.amount > t.amount AND s.amount < t.amount',
  'SELECT 1 FROM swipes s ASOF JOIN swipes t ON s.amount > 5',
])('%s', (sql) => {
  expect(() => compileText(sql)).toThrow('ASOF JOIN needs one inequality of the two sides')
})

test.each(['RIGHT', 'FULL'])('there is no ASOF %s JOIN', (kind) => {
  expect(() => compileText(`SELECT 1 FROM swipes s ASOF ${kind} JOIN swipes t ON s.amount > t.amount`)).toThrow(
    `syntax error at or near "${kind}"`,
  )
})
