/** An error as psql prints it. */
import type { MillraceError } from '../index.js'

/** Lines that end in a newline. */
export function formatError(error: MillraceError): string {
  const lines = [`ERROR:  ${error.message}`]
  if (error.caret !== undefined) lines.push(error.caret)
  if (error.detail !== undefined) lines.push(`DETAIL:  ${error.detail}`)
  if (error.hint !== undefined) lines.push(`HINT:  ${error.hint}`)
  return `${lines.join('\n')}\n`
}
