/** The parts of sql/types that values stand on, in one place: text and numbers of dates, decimals and intervals. */
export { typeName } from '../../sql/types/data-type.js'
export { floorDivide, formatDate, formatTime, formatTimestamp } from '../../sql/types/date-time.js'
export { formatDecimal, parseDecimal, precisionOf, rescale } from '../../sql/types/decimal.js'
export { formatInterval, type IntervalParts, parseInterval } from '../../sql/types/interval.js'
export { INTEGER_LIMITS, printLiteral } from '../../sql/types/literal.js'
export { parseValue } from '../../sql/types/parse-value.js'
