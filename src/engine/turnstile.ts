/** Orders statements: each begins (is compiled and handed to the engine) after those before it have begun, and after DDL among
 *  them has ended, so that it sees the catalog that they left. Statements that only read the catalog run side by side. */

/** A statement that has begun. */
export interface Begun<T> {
  readonly work: Promise<T>
  /** Who waits for its end: later statements of all (DDL), of the same lane (COMMIT), or none. */
  readonly exclusive: 'all' | 'lane' | 'none'
}

/** One user's statements. Those of others pass while the end of one is waited for. */
export class Lane {
  /** Ends when the next statement of the lane may begin. */
  tail: Promise<unknown> = Promise.resolve()
}

export class Turnstile {
  #tail: Promise<unknown> = Promise.resolve()
  readonly #waiting = new Set<Promise<unknown>>()

  /** `begin` runs in the order of the calls within a lane, each after the one before it has ended; what it throws is the caller's
   *  and holds nobody up. */
  enter<T>(lane: Lane, begin: () => Begun<T> | Promise<Begun<T>>): Promise<T> {
    const begun = lane.tail.then(() => this.#pass(begin))
    lane.tail = begun.then(
      ({ work, exclusive }) => (exclusive === 'lane' ? work.then(ignore, ignore) : undefined),
      ignore,
    )
    const { tail } = lane
    this.#waiting.add(tail)
    tail.then(() => this.#waiting.delete(tail))
    return begun.then(({ work }) => work)
  }

  /** Resolves when all statements that have come so far have begun. */
  async passed(): Promise<void> {
    await Promise.all(this.#waiting)
    await this.#tail
  }

  #pass<T>(begin: () => Begun<T> | Promise<Begun<T>>): Promise<Begun<T>> {
    const begun = this.#tail.then(begin)
    this.#tail = begun.then(
      ({ work, exclusive }) => (exclusive === 'all' ? work.then(ignore, ignore) : undefined),
      ignore,
    )
    return begun
  }
}

function ignore(): undefined {
  return undefined
}
