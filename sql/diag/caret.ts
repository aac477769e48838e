/** Line, column and the two-line picture with a caret for an offset in a text: what makes an error findable. */

export interface Place {
  /** From 1. */
  readonly line: number
  /** From 1, in characters as the user counts them (a surrogate pair is one). */
  readonly column: number
  /** `LINE 2: select x form t` and below it a caret under the offset. */
  readonly caret: string
}

/** A longer line is cut on both sides around the offset, so that a picture fits a terminal. */
const LINE_SHOWN_MAX = 120

export function placeOf(text: string, offset: number): Place {
  const at = Math.min(Math.max(offset, 0), text.length)
  const lineStart = at === 0 ? 0 : text.lastIndexOf('\n', at - 1) + 1
  const newline = text.indexOf('\n', at)
  const lineEnd = newline === -1 ? text.length : newline
  let line = 1
  for (let i = text.indexOf('\n'); i !== -1 && i < lineStart; i = text.indexOf('\n', i + 1)) {
    line += 1
  }
  const column = countCharacters(text, lineStart, at) + 1

  let from = lineStart
  let to = lineEnd
  if (lineEnd - lineStart > LINE_SHOWN_MAX) {
    from = Math.max(lineStart, Math.min(at - LINE_SHOWN_MAX / 2, lineEnd - LINE_SHOWN_MAX))
    to = Math.min(lineEnd, from + LINE_SHOWN_MAX)
  }
  const label = `LINE ${line}: `
  const head = from > lineStart ? '...' : ''
  const tail = to < lineEnd ? '...' : ''
  const shown = text.slice(from, to).replace(/[\t\r\f\v]/g, ' ')
  const indent = ' '.repeat(label.length + head.length + countCharacters(text, from, at))
  return { line, column, caret: `${label}${head}${shown}${tail}\n${indent}^` }
}

function countCharacters(text: string, from: number, to: number): number {
  let count = 0
  for (let i = from; i < to; i += 1) {
    const unit = text.charCodeAt(i)
    if (!(unit >= 0xdc00 && unit <= 0xdfff)) count += 1
  }
  return count
}
