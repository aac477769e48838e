/** A contest of Millrace with a judge: random queries on random tables, asked of both, and the differences made small. The knobs, by
 *  the environment, are in README.md. */
import { randomInt } from 'node:crypto'
import { expect } from 'vitest'
import { type Database, formatText, MillraceError, open, type Result } from '../../src/index.js'
import { Choices, shrink } from './choices.js'
import { normalRows } from './compare.js'
import { type Answer, EXPLANATIONS } from './explained.js'
import type { Judge } from './oracles.js'
import { QueryMaker } from './queries.js'
import { type Kind, makeSchema } from './schema.js'

const QUERIES = Number(process.env.DIFFERENTIAL_QUERIES ?? 20_000)
const SEED = Number(process.env.DIFFERENTIAL_SEED ?? randomInt(1_000_000_000))
/** Queries on one set of tables. */
const PER_SCHEMA = 40
/** Tries to make a failing case smaller. */
const SHRINKS = Number(process.env.DIFFERENTIAL_SHRINKS ?? 1500)
/** Differences after which a run ends. */
const DIFFERENCES_MAX = Number(process.env.DIFFERENTIAL_MAX ?? 5)

interface Difference {
  readonly statements: readonly string[]
  readonly sql: string
  readonly ours: Answer
  readonly theirs: Answer
}

/** One set of tables and one query or change on it, all made of one record of choices. */
interface Case {
  readonly statements: readonly string[]
  readonly sql: string
  readonly kinds: readonly Kind[]
  readonly ordered: boolean
  /** What to compare after a change. */
  readonly after?: string
}

function makeCase(schemaChoices: Choices, choices: Choices): Case {
  const schema = makeSchema(schemaChoices)
  const maker = new QueryMaker(schema, choices)
  if (choices.once(20)) {
    const { sql, table } = maker.change()
    const kinds = table.columns.map(({ kind }) => kind)
    return { statements: schema.statements, sql, kinds, ordered: false, after: `SELECT * FROM ${table.name}` }
  }
  return { statements: schema.statements, ...maker.make() }
}

class Contest {
  readonly #judge: Judge
  #database: Database | undefined
  #statements: readonly string[] | undefined
  /** Queries that both refuse, which show little. */
  refused = 0

  constructor(judge: Judge) {
    this.#judge = judge
  }

  /** The difference that the case shows, unless it is explained. */
  async difference(made: Case): Promise<Difference | undefined> {
    await this.#prepare(made.statements)
    // The judge works on threads of its own while this one plans.
    const [ours, theirs] = await Promise.all([this.#ours(made), this.#theirs(made)])
    if (ours.error !== undefined && theirs.error !== undefined) this.refused++
    if (same(ours, theirs)) return undefined
    const { sql, statements } = made
    if (EXPLANATIONS.some(({ covers }) => covers(sql, ours, theirs, this.#judge.name))) return undefined
    return { statements, sql, ours, theirs }
  }

  async #prepare(statements: readonly string[]): Promise<void> {
    if (this.#statements?.join() === statements.join()) return
    await this.close()
    this.#database = await open()
    await this.#judge.reset()
    for (const sql of statements) {
      await this.#database.query(sql)
      const result = await this.#judge.run(sql)
      if ('error' in result) throw new Error(`${this.#judge.name} refuses ${sql}: ${result.error}`)
    }
    this.#statements = statements
  }

  async #ours({ sql, kinds, ordered, after }: Case): Promise<Answer> {
    const database = this.#database!
    try {
      const result = after === undefined ? await database.query(sql) : await changed(database, sql, after)
      const rows = result
        .arrays()
        .map((row) => row.map((value, at) => (value === null ? null : formatText(value, result.fields[at]!.data_type))))
      return { rows: normalRows(rows, kinds, ordered) }
    } catch (error) {
      if (error instanceof MillraceError) return { error: `${error.code} ${error.message}` }
      throw error
    }
  }

  async #theirs({ sql, kinds, ordered, after }: Case): Promise<Answer> {
    if (after !== undefined) await this.#judge.run('BEGIN')
    let result = await this.#judge.run(sql)
    if (after !== undefined) {
      if ('rows' in result) result = await this.#judge.run(after)
      await this.#judge.run('ROLLBACK')
    }
    return 'error' in result ? result : { rows: normalRows(result.rows, kinds, ordered) }
  }

  async close(): Promise<void> {
    await this.#database?.close()
    this.#database = undefined
    this.#statements = undefined
  }
}

/** What a query sees after a change that is then undone, so that the tables serve the next case too. */
async function changed(database: Database, change: string, query: string): Promise<Result> {
  let seen: Result | undefined
  const undone = new Error('undone')
  try {
    await database.transaction(async (transaction) => {
      await transaction.query(change)
      seen = await transaction.query(query)
      throw undone
    })
  } catch (error) {
    if (error !== undone) throw error
  }
  return seen!
}

function same(ours: Answer, theirs: Answer): boolean {
  if (ours.error !== undefined && theirs.error !== undefined) return true
  return ours.error === undefined && theirs.error === undefined && ours.rows!.join('\n') === theirs.rows!.join('\n')
}

/** The smallest case that fails in the same way: first fewer choices of the query, then of the tables. */
async function smallest(contest: Contest, tables: readonly number[], query: readonly number[]): Promise<Difference> {
  let found: Difference | undefined
  const failing = async (
    schemaRecord: readonly number[],
    queryRecord: readonly number[],
    which: 'schema' | 'query',
  ) => {
    const [schemaChoices, choices] = [Choices.replay(schemaRecord), Choices.replay(queryRecord)]
    const difference = await contest.difference(makeCase(schemaChoices, choices))
    if (difference === undefined || (found !== undefined && wayOf(difference) !== wayOf(found))) return undefined
    found = difference
    return which === 'schema' ? schemaChoices.made : choices.made
  }
  await failing(tables, query, 'query')
  const fewer = await shrink(query, (record) => failing(tables, record, 'query'), SHRINKS)
  const small = await shrink(tables, (record) => failing(record, fewer, 'schema'), SHRINKS)
  await shrink(fewer, (record) => failing(small, record, 'query'), SHRINKS)
  return found!
}

function wayOf({ ours, theirs }: Difference): string {
  return `${ours.error?.slice(0, 5)} ${theirs.error !== undefined}`
}

function told({ statements, sql, ours, theirs }: Difference, judge: string): string {
  const answer = ({ rows, error }: Answer) =>
    error === undefined ? `${rows!.length} rows\n${rows!.join('\n')}` : `error ${error}`
  return `${statements.map((statement) => `${statement};`).join('\n')}\n${sql};\n-- Millrace: ${answer(ours)}\n-- ${judge}: ${answer(theirs)}\n`
}

/** So that the judges have different questions. */
const SEED_APART: Readonly<Record<Judge['name'], number>> = { duckdb: 0, postgres: 500_000_000 }

/** `share` of all the queries are this judge's. */
export async function compete(judge: Judge, share: number): Promise<void> {
  const queries = Math.ceil(QUERIES * share)
  const seed = SEED + SEED_APART[judge.name]
  console.log(`${queries} queries against ${judge.name}, seed ${SEED} (repeat with DIFFERENTIAL_SEED=${SEED})`)
  const contest = new Contest(judge)
  const differences: string[] = []
  try {
    for (let at = 0; at < queries && differences.length < DIFFERENCES_MAX; at++) {
      const schemaChoices = Choices.random(seed + Math.floor(at / PER_SCHEMA) * 7919)
      const choices = Choices.random((seed ^ 0x5bd1e995) + at)
      if ((await contest.difference(makeCase(schemaChoices, choices))) === undefined) continue
      const difference = await smallest(contest, schemaChoices.made, choices.made)
      differences.push(told(difference, judge.name))
      console.log(`query ${at}: ${differences.at(-1)}`)
    }
    console.log(`${contest.refused} of the queries are refused by both`)
  } finally {
    await contest.close()
    await judge.close()
  }
  expect(differences.length, differences.join('\n')).toBe(0)
  expect(contest.refused, 'most queries have an answer').toBeLessThanOrEqual(queries / 10)
}

export const HOUR_MS = 3_600_000
