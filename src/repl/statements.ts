/** Input as it comes (lines of a terminal, chunks of a pipe) to whole statements and backslash commands. */
import { split } from '../../sql/index.js'

export type Input =
  | { readonly kind: 'statement'; readonly text: string }
  | { readonly kind: 'meta'; readonly text: string }

/** Gathers lines until they end a statement. */
export class StatementReader {
  #text = ''

  /** Whether a statement has begun and not ended. */
  get pending(): boolean {
    return this.#text.trim() !== ''
  }

  /** What the line completes. A backslash command is a line of its own, outside of a statement. */
  *line(line: string): Generator<Input> {
    if (!this.pending && /^\s*\\/.test(line)) {
      this.#text = ''
      yield { kind: 'meta', text: line.trim() }
      return
    }
    this.#text += `${line}\n`
    // Only a semicolon can end a statement: without one there is no need to look at all the text again.
    if (!line.includes(';')) return
    let rest = 0
    const text = this.#text
    for (const piece of split(text)) {
      if (!piece.terminated) continue
      rest = piece.end + 1
      if (!piece.blank) yield { kind: 'statement', text: text.slice(piece.start, rest).trimStart() }
    }
    this.#text = text.slice(rest)
    const after = this.#text.trim()
    if (after === '') this.#text = ''
    // `SELECT …; \d` on one line: nothing in SQL begins with a backslash.
    if (after.startsWith('\\')) {
      this.#text = ''
      yield { kind: 'meta', text: after }
    }
  }

  /** The last statement, which needs no semicolon in a script. */
  *end(): Generator<Input> {
    const text = this.#text
    this.#text = ''
    for (const piece of split(text)) {
      if (!piece.blank) yield { kind: 'statement', text: text.slice(piece.start, piece.end).trim() }
    }
  }

  /** Forgets what was begun. */
  clear(): void {
    this.#text = ''
  }
}
