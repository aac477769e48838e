/** Long work on JavaScript's thread in short stretches: timers and other people's callbacks run in between. All who work here
 *  share one stretch a turn of the event loop: several at once keep the thread no longer than one does. */

/** The longest stretch of our own work, in milliseconds; the limit that we promise is 5, and a slice or a wait for a core comes on top. */
const STRETCH_MS = 1
/** Rows between two looks at the clock: a look costs as much as a small row. */
export const ROWS_PER_LOOK = 256

/** Gives a promise to wait for when the stretch has lasted long enough. */
export type Pause = () => Promise<void> | undefined

/** When this turn's stretch ends. */
let until = 0
/** Those who rest, oldest first: each turn lets one of them go on. */
const resting: (() => void)[] = []

function goOn(): void {
  until = performance.now() + STRETCH_MS
  resting.shift()?.()
  if (resting.length > 0) setImmediate(goOn)
}

export class Breather {
  constructor() {
    const now = performance.now()
    // Nobody has worked for a while. Else somebody may have, in this very turn.
    if (now - until > STRETCH_MS) until = now + STRETCH_MS
  }

  /** Whether the stretch has lasted long enough: `rest` is due. */
  get due(): boolean {
    return performance.now() >= until
  }

  /** Resolves at a later turn of the event loop. */
  rest(): Promise<void> {
    return new Promise((resolve) => {
      resting.push(resolve)
      if (resting.length === 1) setImmediate(goOn)
    })
  }
}
