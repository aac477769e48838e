/** A typed constant as the JavaScript value that the appender takes: a column's default, put into rows that leave it out. */
import { formatUuid, type Literal } from '../../sql/index.js'
import { parseJson } from '../values/json.js'

export function literalValue(literal: Literal): unknown {
  switch (literal.type) {
    case 'null':
      return null
    case 'date':
      return new Date(literal.value * 86_400_000)
    case 'uuid':
      return formatUuid(literal.value)
    case 'jsonb':
      return parseJson(literal.value)
    case 'interval':
      return { months: literal.months, days: literal.days, microseconds: literal.microseconds }
    default:
      return literal.value
  }
}
