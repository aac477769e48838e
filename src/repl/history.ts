/** The lines that were typed, kept in a file between sessions. */
import { appendFileSync, chmodSync, readFileSync, writeFileSync } from 'node:fs'

/** Entries that are kept. The file may grow to twice as many before it is cut. */
export const HISTORY_ENTRIES_MAX = 1000

export class History {
  readonly #path: string | undefined
  readonly #entries: string[]

  /** Without a path nothing is kept. A file that cannot be read is an empty history: it is only a comfort. */
  constructor(path: string | undefined) {
    this.#path = path
    this.#entries = path === undefined ? [] : readEntries(path)
    if (path !== undefined && this.#entries.length > HISTORY_ENTRIES_MAX) {
      this.#entries.splice(0, this.#entries.length - HISTORY_ENTRIES_MAX)
      this.#write(() => writeFileSync(path, `${this.#entries.join('\n')}\n`, { mode: 0o600 }))
    }
  }

  /** Newest first, as readline wants it. */
  newestFirst(): string[] {
    return this.#entries.toReversed()
  }

  /** Puts a statement where the arrow keys find it, without keeping it. */
  suggest(statement: string): void {
    this.#entries.push(oneLine(statement))
  }

  /** Keeps a statement as one line; a repeated one once. */
  add(statement: string): void {
    const line = oneLine(statement)
    if (line === '' || line === this.#entries.at(-1)) return
    this.#entries.push(line)
    const path = this.#path
    if (path !== undefined) {
      this.#write(() => {
        appendFileSync(path, `${line}\n`, { mode: 0o600 })
        chmodSync(path, 0o600)
      })
    }
  }

  /** A history that cannot be written (a read-only home) must not stop anyone's work. */
  #write(action: () => void): void {
    try {
      action()
    } catch {
      return
    }
  }
}

/** Lines joined by spaces, so that the arrow keys bring a statement back whole. A `--` comment would swallow what follows
 *  it, and a quoted newline would change: such a statement keeps only its first line. */
export function oneLine(statement: string): string {
  const lines = statement.trim().split(/\s*\n\s*/)
  if (lines.length === 1) return lines[0] ?? ''
  return /--|'[^']*\n|\$\$/.test(statement) ? (lines[0] ?? '') : lines.join(' ')
}

function readEntries(path: string): string[] {
  try {
    return readFileSync(path, 'utf8')
      .split('\n')
      .filter((line) => line !== '')
  } catch {
    return []
  }
}
