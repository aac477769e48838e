/** Makes a failing case small: leaves out queries, commits and choices, and makes choices smaller, as long as it fails
 *  in the same way. */
import type { CaseChoices } from './case.js'

type Fails = (choices: CaseChoices) => Promise<boolean>

export async function shrink(start: CaseChoices, fails: Fails, attemptsMax: number): Promise<CaseChoices> {
  let best = start
  let attempts = 0
  const attempt = async (candidate: CaseChoices) => {
    if (attempts++ >= attemptsMax || !(await fails(candidate))) return false
    best = candidate
    return true
  }
  for (let before: CaseChoices | undefined; before !== best && attempts < attemptsMax; ) {
    before = best
    for (const part of ['queries', 'batches'] as const) {
      for (let at = best[part].length - 1; at >= 0; at--) {
        await attempt({ ...best, [part]: best[part].toSpliced(at, 1) })
      }
    }
    await attempt({ ...best, course: [] })
    await attempt({ ...best, world: [] })
    await shrinkList(
      () => best.world,
      (world) => attempt({ ...best, world }),
    )
    for (const part of ['queries', 'batches'] as const) {
      for (let at = 0; at < best[part].length; at++) {
        await shrinkList(
          () => best[part][at]!,
          (list) => attempt({ ...best, [part]: best[part].with(at, list) }),
        )
      }
    }
  }
  return best
}

async function shrinkList(
  current: () => readonly number[],
  attempt: (list: readonly number[]) => Promise<boolean>,
): Promise<void> {
  for (let size = Math.ceil(current().length / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2)) {
    for (let at = current().length - size; at >= 0; at -= size) {
      await attempt(current().toSpliced(at, size))
    }
  }
  for (let at = 0; at < current().length; at++) {
    const value = current()[at]!
    if (value === 0 || (await attempt(current().with(at, 0)))) continue
    if (value > 1) await attempt(current().with(at, value - 1))
  }
}
