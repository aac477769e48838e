/** How long a piece of work takes, and how much the process's memory grows meanwhile. */

/** Milliseconds between two looks at the process's memory. */
const LOOK_MS = 5

export async function watched(run: () => Promise<unknown>): Promise<{ millis: number; peak: number }> {
  const before = process.memoryUsage.rss()
  let most = before
  const look = () => {
    most = Math.max(most, process.memoryUsage.rss())
  }
  const timer = setInterval(look, LOOK_MS)
  try {
    const started = performance.now()
    await run()
    const millis = performance.now() - started
    look()
    return { millis, peak: (most - before) / 1e6 }
  } finally {
    clearInterval(timer)
  }
}
