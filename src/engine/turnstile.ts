/** Orders statements: each begins (is compiled and handed to the engine) after those before it have begun, and after DDL among
 *  them has ended, so that it sees the catalog that they left. Statements that only read the catalog run side by side. */

/** A statement that has begun. */
export interface Begun<T> {
  readonly work: Promise<T>
  /** Whether later statements wait for its end. */
  readonly exclusive: boolean
}

export class Turnstile {
  #tail: Promise<unknown> = Promise.resolve()

  /** `begin` runs in the order of the calls, each after the one before it has ended; what it throws is the caller's and holds
   *  nobody up. */
  enter<T>(begin: () => Begun<T> | Promise<Begun<T>>): Promise<T> {
    const begun = this.#tail.then(begin)
    const ignore = () => undefined
    this.#tail = begun.then(({ work, exclusive }) => (exclusive ? work.then(ignore, ignore) : undefined), ignore)
    return begun.then(({ work }) => work)
  }
}
