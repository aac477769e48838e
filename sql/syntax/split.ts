/**
 * Cuts a script into statements at its semicolons, before anything is lexed: one statement's tokens are in memory at a
 * time, an error in one leaves the others alone, and the REPL learns whether a line ends a statement.
 */
import { dollarTag, endOfBlockComment } from './tokens.js'

export interface Piece {
  readonly start: number
  /** Without the semicolon. */
  readonly end: number
  readonly terminated: boolean
  /** Nothing but space and comments. */
  readonly blank: boolean
  /** A quote or comment that never ends: what it is and where it begins. */
  readonly open?: { readonly what: string; readonly start: number }
}

const WORD = /[A-Za-z0-9_$\u0080-\uffff]+/y

export function* split(text: string): Generator<Piece> {
  let start = 0
  let blank = true
  let i = 0
  while (i < text.length) {
    const unit = text.charCodeAt(i)
    if (unit === 0x3b /* ; */) {
      yield { start, end: i, terminated: true, blank }
      start = i + 1
      blank = true
      i += 1
    } else if (unit === 0x27 /* ' */ || unit === 0x22 /* " */) {
      blank = false
      const close = text.indexOf(text[i]!, i + 1)
      if (close === -1) {
        const what = unit === 0x27 ? 'quoted string' : 'quoted identifier'
        yield { start, end: text.length, terminated: false, blank, open: { what, start: i } }
        return
      }
      // A doubled quote looks like the end of one string and the start of the next, which cuts just as well.
      i = close + 1
    } else if (unit === 0x2d /* - */ && text.charCodeAt(i + 1) === 0x2d) {
      const newline = text.indexOf('\n', i)
      i = newline === -1 ? text.length : newline
    } else if (unit === 0x2f /* / */ && text.charCodeAt(i + 1) === 0x2a) {
      const close = endOfBlockComment(text, i)
      if (close === -1) {
        yield { start, end: text.length, terminated: false, blank, open: { what: '/* comment', start: i } }
        return
      }
      i = close
    } else if (unit === 0x24 /* $ */) {
      blank = false
      const tag = dollarTag(text, i)
      if (tag === undefined) {
        i += 1
        continue
      }
      const close = text.indexOf(tag, i + tag.length)
      if (close === -1) {
        yield { start, end: text.length, terminated: false, blank, open: { what: 'dollar-quoted string', start: i } }
        return
      }
      i = close + tag.length
    } else if (isWordUnit(unit)) {
      blank = false
      WORD.lastIndex = i
      const word = WORD.exec(text)?.[0] ?? text[i]!
      i += word.length
      if ((word === 'e' || word === 'E') && text.charCodeAt(i) === 0x27) {
        const close = endOfEscapeString(text, i)
        if (close === -1) {
          yield { start, end: text.length, terminated: false, blank, open: { what: 'quoted string', start: i - 1 } }
          return
        }
        i = close
      }
    } else {
      if (!isSpace(unit)) blank = false
      i += 1
    }
  }
  if (start < text.length) yield { start, end: text.length, terminated: false, blank }
}

/** Whether the input ends a statement: its last thing beside space and comments is a semicolon outside of any quote. */
export function isComplete(text: string): boolean {
  let complete = false
  for (const piece of split(text)) {
    if (piece.open !== undefined) return false
    if (piece.terminated) complete = true
    else if (!piece.blank) complete = false
  }
  return complete
}

function isWordUnit(unit: number): boolean {
  if (unit === 0xa0 || unit === 0xfeff) return false
  return (
    (unit >= 0x61 && unit <= 0x7a) ||
    (unit >= 0x41 && unit <= 0x5a) ||
    (unit >= 0x30 && unit <= 0x39) ||
    unit === 0x5f ||
    unit >= 0x80
  )
}

function isSpace(unit: number): boolean {
  return unit === 0x20 || (unit >= 0x09 && unit <= 0x0d) || unit === 0xa0 || unit === 0xfeff
}

/** `quote` is the offset of the opening quote; a backslash takes the next character with it. */
function endOfEscapeString(text: string, quote: number): number {
  for (let i = quote + 1; i < text.length; i += 1) {
    const unit = text.charCodeAt(i)
    if (unit === 0x5c) i += 1
    else if (unit === 0x27) return i + 1
  }
  return -1
}
