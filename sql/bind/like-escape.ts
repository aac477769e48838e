/** `LIKE pattern ESCAPE character`: the engine's patterns know only the backslash, so the pattern is written anew with it. */
import type { Expr } from '../contract/plan.generated.js'
import { constant, rewrite } from '../logical/expr.js'
import { foldExpr } from '../logical/fold.js'
import { TEXT } from '../types/data-type.js'
import { type Bound, bound, coerce } from './coerce.js'
import { fail, unsupported } from './fail.js'
import { isParameter, standIn } from './parameters.js'

export function withEscape(pattern: Bound, mark: Bound): Bound {
  // A parameter has to be known: the statement is planned with its value each time.
  const [given, character] = [known(coerce(pattern, TEXT)), known(coerce(mark, TEXT))]
  if (character.op !== 'literal') return unsupported('an ESCAPE that is not a constant is not supported', mark.span)
  if (character.literal.type === 'null') return bound(character, TEXT, pattern.span)
  const written = character.literal.type === 'text' ? character.literal.value : ''
  if ([...written].length > 1)
    fail('InvalidEscapeSequence', 'invalid escape string', mark.span, {
      hint: 'Escape string must be empty or one character.',
    })
  if (written === '\\') return pattern
  if (given.op !== 'literal')
    return unsupported(
      'ESCAPE with a pattern that is not a constant is not supported',
      pattern.span,
      'Escape with a backslash, which needs no ESCAPE.',
    )
  if (given.literal.type !== 'text') return pattern
  return bound(constant({ type: 'text', value: rewritten(given.literal.value, written, pattern) }), TEXT, pattern.span)
}

/** What a parameter in it is, the rest folded. */
function known(expr: Expr): Expr {
  return rewrite(expr, (inner) => (isParameter(inner) ? standIn(inner) : foldExpr(inner)))
}

function rewritten(text: string, mark: string, pattern: Bound): string {
  let result = ''
  let escaping = false
  for (const character of text) {
    if (!escaping && character === mark) {
      escaping = true
      continue
    }
    // A backslash stands for itself where it is not the mark.
    result += escaping || character === '\\' ? `\\${character}` : character
    escaping = false
  }
  if (escaping) fail('InvalidEscapeSequence', 'LIKE pattern must not end with escape character', pattern.span)
  return result
}
