/** A random case: relations, commits and queries, each of which is a view that is made before, between or after the
 *  commits. After some of the commits every view must hold what its query returns, and what DuckDB returns. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Database, formatText, MillraceError, open } from '../../src/index.js'
import { type Oracle, openOracle } from '../sql/oracle.js'
import { normalRow } from '../sql/slt.js'
import { Choices } from './choices.js'
import { makeQuery, type Query } from './grammar.js'
import { makeBatch, makeWorld, type Relation, type Type, type World } from './world.js'

/** The choices of a case, in parts that can be left out. */
export interface CaseChoices {
  readonly world: readonly number[]
  readonly course: readonly number[]
  readonly batches: readonly (readonly number[])[]
  readonly queries: readonly (readonly number[])[]
}

export interface View extends Query {
  readonly name: string
  /** After how many of the commits it is made. */
  readonly after: number
}

export interface Case {
  readonly choices: CaseChoices
  readonly world: World
  readonly batches: readonly (readonly string[])[]
  readonly views: readonly View[]
  /** Whether it is on disk; then it is closed and opened again after this many commits. */
  readonly reopenAfter: number | undefined
}

export interface Failure {
  /** What is the same about two failures with the same cause. */
  readonly kind: string
  readonly text: string
}

/** What was compared. */
export interface Tally {
  compared: number
  withDuckDb: number
  queries: number
  queriesWithDuckDb: number
}

/** Rows' times are in the ten seconds after this, and the clock goes on before every commit. */
const START = Date.parse('2024-01-01T00:00:00Z')
const CLOCK_STEP = 1000
const BATCHES = 8
const QUERIES = 6

/** A new case from a random source, or a recorded one again. */
export function makeCase(source: (() => number) | CaseChoices): Case {
  const random = typeof source === 'function' ? source : undefined
  const record = typeof source === 'function' ? undefined : source
  const part = (given: readonly number[] | undefined) =>
    random === undefined ? Choices.recorded(given ?? []) : Choices.random(random)
  const worldChoices = part(record?.world)
  const world = makeWorld(worldChoices)
  const course = part(record?.course)
  const reopenAt = course.once(5) ? 1 + course.below(BATCHES) : undefined
  const batchChoices = Array.from({ length: record?.batches.length ?? BATCHES }, (_, at) => part(record?.batches[at]))
  const batches = batchChoices.map((choices) => makeBatch(choices, world))
  const relations: Relation[] = [...world.relations]
  const views: View[] = []
  const queryChoices = Array.from({ length: record?.queries.length ?? QUERIES }, (_, at) => part(record?.queries[at]))
  let earliest = 0
  for (const [at, choices] of queryChoices.entries()) {
    // Before the data, after it, or in between; never before a view that it may read.
    const moment = choices.below(3)
    const after = Math.max(
      earliest,
      moment === 0 ? 0 : moment === 1 ? batches.length : choices.below(batches.length + 1),
    )
    earliest = moment === 1 ? earliest : after
    const query = makeQuery(choices, relations)
    const name = `v${at + 1}`
    views.push({ ...query, name, after })
    if (moment !== 1 && query.oneAnswer)
      relations.push({ name, kind: 'view', columns: query.columns, weight: query.weight })
  }
  return {
    choices: {
      world: worldChoices.made,
      course: course.made,
      batches: batchChoices.map((choices) => choices.made),
      queries: queryChoices.map((choices) => choices.made),
    },
    world,
    batches,
    views,
    reopenAfter: reopenAt === undefined ? undefined : Math.min(reopenAt, batches.length),
  }
}

/** The case as a script that shows its failure. */
export function scriptOf(it: Case): string {
  const lines = [...it.world.definitions]
  for (let at = 0; at <= it.batches.length; at++) {
    for (const view of it.views.filter((v) => v.after === at))
      lines.push(`CREATE MATERIALIZED VIEW ${view.name} AS ${view.sql}`)
    const batch = it.batches[at] ?? []
    if (it.batches[at] !== undefined) lines.push(`-- the clock goes on by ${CLOCK_STEP} ms, from 2024-01-01 00:00:00`)
    lines.push(...(batch.length > 1 ? ['BEGIN', ...batch, 'COMMIT'] : batch))
    if (it.reopenAfter === at + 1) lines.push('-- closed and opened again')
  }
  return lines.map((line) => `${line};`).join('\n')
}

export async function runCase(it: Case, tally: Tally): Promise<Failure | undefined> {
  const folder = it.reopenAfter === undefined ? undefined : mkdtempSync(join(tmpdir(), 'millrace-views-'))
  const path = folder === undefined ? ':memory:' : join(folder, 'db')
  const options = { durability: 'none' } as const
  let clock = START
  let database = await open(path, { ...options, clock: new Date(clock) })
  const oracle = await openOracle()
  try {
    for (const definition of it.world.definitions) {
      await database.query(definition)
      await oracle.run(definition)
    }
    const made: View[] = []
    const withDuckDb = new Set<View>()
    for (let at = 0; at <= it.batches.length; at++) {
      for (const view of it.views.filter((v) => v.after === at)) {
        const failure = await makeView(database, view)
        if (failure !== undefined) return failure
        made.push(view)
        tally.queries++
        // DuckDB goes by another clock.
        if (
          !view.sql.includes('localtimestamp') &&
          (await oracle.run(`CREATE VIEW ${view.name} AS ${view.sql}`).then(
            () => view.oneAnswer,
            () => false,
          ))
        ) {
          withDuckDb.add(view)
          tally.queriesWithDuckDb++
        }
      }
      const batch = it.batches[at]
      if (batch !== undefined) {
        clock += CLOCK_STEP
        await database.clock.advance(CLOCK_STEP)
        await commit(database, batch)
        for (const statement of batch) await oracle.run(statement)
        if (it.reopenAfter === at + 1) {
          await database.close()
          database = await open(path, { ...options, clock: new Date(clock) })
        }
      }
      if (at % 2 === 1 || at === it.batches.length) {
        for (const view of made) {
          const failure = await compare(database, oracle, view, withDuckDb, tally)
          if (failure !== undefined) return failure
        }
      }
    }
    return undefined
  } finally {
    await database.close()
    oracle.close()
    if (folder !== undefined) rmSync(folder, { recursive: true, force: true })
  }
}

async function commit(database: Database, batch: readonly string[]): Promise<void> {
  if (batch.length === 1) await database.query(batch[0]!)
  else
    await database.transaction(async (transaction) => {
      for (const statement of batch) await transaction.query(statement)
    })
}

async function makeView(database: Database, view: View): Promise<Failure | undefined> {
  return await database.query(`CREATE MATERIALIZED VIEW ${view.name} AS ${view.sql}`).then(
    () => undefined,
    (error: unknown) => failed('the view was not made', view, error),
  )
}

async function compare(
  database: Database,
  oracle: Oracle,
  view: View,
  withDuckDb: Set<View>,
  tally: Tally,
): Promise<Failure | undefined> {
  let asked: string[]
  let kept: string[]
  try {
    asked = await rowsOf(database, view.sql, view)
  } catch (error) {
    return failed('the query failed', view, error)
  }
  try {
    kept = await rowsOf(database, `SELECT * FROM ${view.name}`, view)
  } catch (error) {
    return failed('the view failed', view, error)
  }
  tally.compared++
  const wrong = difference('view and query', view, kept, asked)
  if (wrong !== undefined || !withDuckDb.has(view)) return wrong
  const theirs = await oracle.query(view.sql).then(
    (rows) => rows.map((row) => normalRow(row, typesOf(view))).toSorted(),
    () => undefined,
  )
  if (theirs === undefined) return undefined
  tally.withDuckDb++
  return difference('query and DuckDB', view, asked, theirs)
}

function difference(kind: string, view: View, found: string[], expected: string[]): Failure | undefined {
  if (found.length === expected.length && found.every((row, at) => row === expected[at])) return undefined
  const list = (rows: string[]) => rows.map((row) => `  ${row}`).join('\n')
  const text = `${view.name}: ${kind} differ\n${view.sql}\nfound\n${list(found)}\nexpected\n${list(expected)}`
  return { kind, text }
}

function failed(what: string, view: View, error: unknown): Failure {
  if (!(error instanceof MillraceError)) throw error
  return { kind: `${what}: ${error.code}`, text: `${view.name}: ${what}: ${error.code} ${error.message}\n${view.sql}` }
}

async function rowsOf(database: Database, sql: string, view: View): Promise<string[]> {
  const result = await database.query(sql)
  const types = typesOf(view)
  const text = (value: unknown, at: number) => (value === null ? null : formatText(value, result.fields[at]!.data_type))
  return result
    .arrays()
    .map((row) => normalRow(row.map(text), types))
    .toSorted()
}

const LETTERS: Record<Type, string> = { int: 'I', num: 'R', text: 'T', bool: 'B', time: 'T' }

function typesOf(view: View): string {
  return view.columns.map((column) => LETTERS[column.type]).join('')
}
