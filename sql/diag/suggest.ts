/** Did-you-mean: the known word nearest to a misspelled one. Used for keywords here, for names by the binder. */

/** Words longer than this are compared by their beginning only: the cost of one comparison stays bounded. */
const WORD_LENGTH_MAX = 64

/**
 * The nearest candidate, or undefined if none is near enough: at most a third of the letters may differ (a swap of
 * neighbours counts once). Ties go to the first candidate. Case does not count.
 */
export function suggest(word: string, candidates: Iterable<string>): string | undefined {
  const wanted = word.slice(0, WORD_LENGTH_MAX).toLowerCase()
  let limit = Math.max(1, Math.floor(wanted.length / 3))
  if (wanted.length < 2) return undefined
  let best: string | undefined
  for (const candidate of candidates) {
    const known = candidate.slice(0, WORD_LENGTH_MAX).toLowerCase()
    if (Math.abs(known.length - wanted.length) > limit) continue
    const distance = editDistance(wanted, known, limit)
    if (distance > limit) continue
    if (distance === 0) return candidate
    best = candidate
    limit = distance - 1
  }
  return best
}

/** Optimal string alignment distance; anything above `limit` may be returned as `limit + 1`. */
export function editDistance(a: string, b: string, limit: number): number {
  let beforeLast: number[] = []
  let last = Array.from({ length: b.length + 1 }, (_, j) => j)
  for (let i = 1; i <= a.length; i += 1) {
    const row = [i]
    let least = i
    for (let j = 1; j <= b.length; j += 1) {
      const same = a[i - 1] === b[j - 1]
      let cost = Math.min(last[j]! + 1, row[j - 1]! + 1, last[j - 1]! + (same ? 0 : 1))
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
        cost = Math.min(cost, beforeLast[j - 2]! + 1)
      row.push(cost)
      if (cost < least) least = cost
    }
    if (least > limit) return limit + 1
    beforeLast = last
    last = row
  }
  return last[b.length]!
}
