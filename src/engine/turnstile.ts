/** Orders DDL: while a statement that changes the catalog runs, later ones wait, so that each is compiled against the
 *  catalog that those before it left. Statements that only read the catalog never wait for each other. */
export class Turnstile {
  #busy: Promise<void> | undefined

  /** Resolves when no DDL is running. Those who waited go on in the order in which they came. */
  async pass(): Promise<void> {
    // One that passed before may have closed it again.
    while (this.#busy !== undefined) await this.#busy
  }

  /** Runs the work with the turnstile closed. Must be called without an await after `pass`. */
  async close<T>(work: () => Promise<T>): Promise<T> {
    let open!: () => void
    this.#busy = new Promise((resolve) => {
      open = resolve
    })
    try {
      return await work()
    } finally {
      this.#busy = undefined
      open()
    }
  }
}
