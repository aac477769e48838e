/** The choices behind a random case: drawn from a seed and recorded, or played back. A case is a function of its choices,
 *  so a failing one is made smaller by making its choices fewer and smaller, whatever they choose: 0 is always the
 *  simplest alternative, and past the end of a record all choices are 0. */

export class Choices {
  readonly made: number[] = []
  readonly #random: (() => number) | undefined
  readonly #record: readonly number[]

  private constructor(random: (() => number) | undefined, record: readonly number[]) {
    this.#random = random
    this.#record = record
  }

  static random(random: () => number): Choices {
    return new Choices(random, [])
  }

  static recorded(record: readonly number[]): Choices {
    return new Choices(undefined, record)
  }

  /** An integer from 0 to below `limit`. */
  below(limit: number): number {
    const given =
      this.#random === undefined ? (this.#record[this.made.length] ?? 0) : Math.floor(this.#random() * limit)
    const choice = Math.min(given, limit - 1)
    this.made.push(choice)
    return choice
  }

  /** True about once in `times`. */
  once(times: number): boolean {
    return this.below(times) === times - 1 && times > 1
  }

  of<T>(list: readonly T[]): T {
    return list[this.below(list.length)]!
  }

  /** Some of the list, in its order; at least `least`. */
  some<T>(list: readonly T[], least: number): T[] {
    const kept = list.filter(() => this.below(2) === 1)
    return kept.length >= least ? kept : list.slice(0, Math.min(least, list.length))
  }
}

/** mulberry32: a small generator that is the same everywhere. */
export function randomOf(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296
  }
}
