/** The choices of which a random test is made. They are recorded, so that a failing case shrinks by making its choices
 *  smaller: 0 is always the simplest, and is what is chosen once the record ends. */

export class Choices {
  readonly made: number[] = []
  readonly #next: (bound: number) => number

  private constructor(next: (bound: number) => number) {
    this.#next = next
  }

  static random(seed: number): Choices {
    let state = seed >>> 0
    // Mulberry32.
    return new Choices((bound) => {
      state = (state + 0x6d2b79f5) >>> 0
      let mixed = Math.imul(state ^ (state >>> 15), state | 1)
      mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
      return ((mixed ^ (mixed >>> 14)) >>> 0) % bound
    })
  }

  static replay(record: readonly number[]): Choices {
    let at = 0
    return new Choices((bound) => Math.min(record[at++] ?? 0, bound - 1))
  }

  /** 0 ≤ result < bound. */
  below(bound: number): number {
    const choice = this.#next(bound)
    this.made.push(choice)
    return choice
  }

  /** True once in `times`. */
  once(times: number): boolean {
    return this.below(times) === times - 1
  }

  /** The simplest comes first. */
  one<T>(of: readonly T[]): T {
    const found = of[this.below(of.length)]
    if (found === undefined) throw new Error('nothing to choose from')
    return found
  }

  between(low: number, high: number): number {
    return low + this.below(high - low + 1)
  }
}

/** A smaller record that still fails, or the same. `fails` may be called up to `attempts` times. */
export async function shrink(
  record: readonly number[],
  fails: (record: readonly number[]) => Promise<readonly number[] | undefined>,
  attempts: number,
): Promise<readonly number[]> {
  let best = record
  let left = attempts
  const better = async (candidate: readonly number[]): Promise<boolean> => {
    if (left-- <= 0) return false
    const made = await fails(candidate)
    // What was made is the record without what nothing asked for.
    if (made === undefined || !isSmaller(made, best)) return false
    best = made
    return true
  }
  for (let improved = true; improved && left > 0; ) {
    improved = false
    for (let size = Math.max(1, best.length >> 1); size >= 1 && left > 0; size >>= 1) {
      for (let at = 0; at < best.length && left > 0; ) {
        const without = [...best.slice(0, at), ...best.slice(at + size)]
        const zeros = [
          ...best.slice(0, at),
          ...Array(Math.min(size, best.length - at)).fill(0),
          ...best.slice(at + size),
        ]
        if ((await better(without)) || (await better(zeros))) improved = true
        else at += size
      }
    }
    for (let at = 0; at < best.length && left > 0; at++) {
      while ((best[at] ?? 0) > 1 && (await better(best.with(at, best[at]! >> 1)))) improved = true
    }
  }
  return best
}

function isSmaller(a: readonly number[], b: readonly number[]): boolean {
  if (a.length !== b.length) return a.length < b.length
  const at = a.findIndex((choice, i) => choice !== b[i])
  return at >= 0 && a[at]! < b[at]!
}
