/** Long work on JavaScript's thread in short stretches: timers and other people's callbacks run in between. */
import { setImmediate as nextTurn } from 'node:timers/promises'

/** The longest stretch of our own work, in milliseconds; the limit that we promise is 5. */
const STRETCH_MS = 2
/** Rows between two looks at the clock: a look costs as much as a small row. */
export const ROWS_PER_LOOK = 256

export class Breather {
  #until = performance.now() + STRETCH_MS

  /** Whether the stretch has lasted long enough: `rest` is due. */
  get due(): boolean {
    return performance.now() >= this.#until
  }

  async rest(): Promise<void> {
    await nextTurn()
    this.#until = performance.now() + STRETCH_MS
  }
}
