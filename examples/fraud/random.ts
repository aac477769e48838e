/** A small seeded generator (xoshiro128**, seeded by splitmix32) in 32-bit arithmetic only: `Math.random` cannot be
 *  seeded, and BigInt would make the generator slower than the pipeline that it feeds. */
export class Random {
  #a: number
  #b: number
  #c: number
  #d: number
  #spare = 0
  #hasSpare = false

  constructor(seed: number) {
    let state = seed >>> 0
    const next = (): number => {
      state = (state + 0x9e3779b9) >>> 0
      let z = state
      z = Math.imul(z ^ (z >>> 16), 0x21f0aaad)
      z = Math.imul(z ^ (z >>> 15), 0x735a2d97)
      return (z ^ (z >>> 15)) >>> 0
    }
    this.#a = next()
    this.#b = next()
    this.#c = next()
    this.#d = next() | 1
  }

  /** Uniform over the unsigned 32-bit integers. */
  uint32(): number {
    const b = this.#b
    const times5 = Math.imul(b, 5)
    const result = Math.imul((times5 << 7) | (times5 >>> 25), 9) >>> 0
    const shifted = b << 9
    this.#c ^= this.#a
    this.#d ^= b
    this.#b ^= this.#c
    this.#a ^= this.#d
    this.#c ^= shifted
    this.#d = (this.#d << 11) | (this.#d >>> 21)
    return result
  }

  /** Uniform in [0, 1). */
  unit(): number {
    return this.uint32() / 4294967296
  }

  /** Uniform over the integers 0 … n-1. The bias of the multiplication is below 2⁻²⁰ for every n used here. */
  below(n: number): number {
    return Math.floor((this.uint32() / 4294967296) * n)
  }

  /** Uniform in [low, high). */
  between(low: number, high: number): number {
    return low + (high - low) * this.unit()
  }

  /** Standard normal (Marsaglia's polar method; the second value is kept for the next call). */
  normal(): number {
    if (this.#hasSpare) {
      this.#hasSpare = false
      return this.#spare
    }
    for (;;) {
      const u = this.unit() * 2 - 1
      const v = this.unit() * 2 - 1
      const s = u * u + v * v
      if (s >= 1 || s === 0) continue
      const scale = Math.sqrt((-2 * Math.log(s)) / s)
      this.#spare = v * scale
      this.#hasSpare = true
      return u * scale
    }
  }

  /** Exponential with this mean. */
  exponential(mean: number): number {
    return -mean * Math.log(1 - this.unit())
  }
}
