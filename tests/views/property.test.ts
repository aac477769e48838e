/** A view equals its query, whatever the query, the rows and their order: random cases, from a seed that is printed.
 *  `VIEW_SEED` begins elsewhere, `VIEW_CASES` makes it more or fewer queries. A failing case is made small and shown. */
import { expect, it } from 'vitest'
import { type Case, type CaseChoices, makeCase, runCase, scriptOf, type Tally } from './case.js'
import { randomOf } from './choices.js'
import { shrink } from './shrink.js'

const CASES = Number(process.env.VIEW_CASES ?? 1200)
const SEED = Number(process.env.VIEW_SEED ?? Math.floor(Math.random() * 2 ** 31))
/** Runs of a case that fails. */
const SHRINK_ATTEMPTS = 600

it(
  'every view equals its query, and DuckDB where it can say it',
  async () => {
    console.log(`VIEW_SEED=${SEED}`)
    const tally: Tally = { compared: 0, withDuckDb: 0, queries: 0, queriesWithDuckDb: 0 }
    for (let seed = SEED; tally.queries < CASES; seed++) {
      const it = makeCase(randomOf(seed))
      const failure = await runCase(it, tally)
      if (failure !== undefined) throw new Error(await explain(it, failure.kind, seed))
    }
    console.log(JSON.stringify(tally))
    // The second opinion must be one, and not be lost silently.
    expect(tally.queriesWithDuckDb).toBeGreaterThan(CASES / 2)
  },
  30 * 60_000,
)

async function explain(found: Case, kind: string, seed: number): Promise<string> {
  const none = (): Tally => ({ compared: 0, withDuckDb: 0, queries: 0, queriesWithDuckDb: 0 })
  const fails = async (choices: CaseChoices) => (await runCase(makeCase(choices), none()))?.kind === kind
  const small = makeCase(await shrink(found.choices, fails, SHRINK_ATTEMPTS))
  const failure = await runCase(small, none())
  return `VIEW_SEED=${seed} fails; the smallest case:\n${scriptOf(small)}\n\n${failure?.text ?? 'not again'}`
}
