/** A short query with numbers in its conditions, as one with parameters: clients that write values into the text send a new text each
 *  time, and would have each one planned. */
import type { DataType, Expr } from '../../sql/index.js'

export interface LiteralFree {
  readonly text: string
  readonly types: readonly DataType[]
  readonly values: readonly Expr[]
}

const LENGTH_MAX = 400
/** One query with a condition. Nothing that could hide a number's meaning: strings, names in quotes, comments, parameters. */
const PLAIN = /^\s*select\b[^'"$;\\]*\bwhere\b[^'"$;\\]*;?\s*$/i
const AFTER_COMPARISON = /([=<>]\s*)(\d{1,18})(?![\w.])/g
const INTEGER_MAX = 2_147_483_647n

/** Undefined where it is another kind of text. An error's position is in this text, so who meets one runs the text itself. */
export function literalFree(text: string): LiteralFree | undefined {
  if (text.length > LENGTH_MAX || !PLAIN.test(text) || text.includes('--') || text.includes('/*')) return undefined
  const types: DataType[] = []
  const values: Expr[] = []
  const at = text.toLowerCase().indexOf('where')
  const rest = text.slice(at).replace(AFTER_COMPARISON, (_, before: string, digits: string) => {
    const value = BigInt(digits)
    const small = value <= INTEGER_MAX
    types.push({ type: small ? 'integer' : 'bigint' })
    values.push({
      op: 'literal',
      literal: small ? { type: 'integer', value: Number(value) } : { type: 'bigint', value },
    })
    return `${before}$${values.length}`
  })
  return values.length === 0 ? undefined : { text: text.slice(0, at) + rest, types, values }
}
