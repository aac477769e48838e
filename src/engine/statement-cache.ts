/** What was parsed and compiled before, by text. Bounded; the least recently used goes first. */

const ENTRIES_MAX = 256
/** Longer texts are scripts and bulk inserts: seldom run twice, and large to keep. */
const TEXT_LENGTH_MAX = 16 * 1024

export class StatementCache<T> {
  readonly #entries = new Map<string, T>()

  get(text: string): T | undefined {
    const entry = this.#entries.get(text)
    if (entry === undefined) return undefined
    // Maps keep insertion order: the newest is last.
    this.#entries.delete(text)
    this.#entries.set(text, entry)
    return entry
  }

  set(text: string, entry: T): void {
    if (text.length > TEXT_LENGTH_MAX) return
    this.#entries.delete(text)
    this.#entries.set(text, entry)
    if (this.#entries.size <= ENTRIES_MAX) return
    const [oldest] = this.#entries.keys()
    if (oldest !== undefined) this.#entries.delete(oldest)
  }

  clear(): void {
    this.#entries.clear()
  }

  get size(): number {
    return this.#entries.size
  }
}
