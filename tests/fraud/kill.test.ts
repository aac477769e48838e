/** kill -9 in the middle of the Kafka run, several times, then a restart: every expected alert is in the topic. */
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { SwipeGenerator } from '../../examples/fraud/generate.js'
import { makeTopics, produceSwipes } from '../../examples/fraud/topics.js'
import { open } from '../../src/index.js'
import { type Broker, eventually, startBroker } from '../harness/kafka/index.js'
import { root } from '../tidy/sources.js'
import { alertsInTopic, tell } from './alerts.js'
import { expectedAlerts } from './expected.js'

const WORLD = { seed: 13, cards: 5000, swipes: 200_000 }
const KILLS_AT = [20_000, 70_000, 120_000]
let broker: Broker
let folder = ''

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'millrace-fraud-kill-'))
  broker = await startBroker()
})
afterAll(async () => {
  await broker?.stop()
  rmSync(folder, { recursive: true, force: true })
})

/** Runs the pipeline until the source has taken `rows` swipes, kills it, and gives the number that was last seen. */
function runAndKill(path: string, rows: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const program = join(root, 'dist', 'tests', 'fraud', 'runner.js')
    const args = [program, path, broker.brokers, String(WORLD.seed), String(WORLD.cards)]
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] })
    let last = 0
    let err = ''
    child.stderr.on('data', (chunk) => {
      err += chunk
    })
    child.stdout.on('data', (chunk) => {
      last = Number(String(chunk).trimEnd().split('\n').at(-1))
      if (last >= rows) child.kill('SIGKILL')
    })
    child.on('exit', (_code, signal) => {
      if (signal === 'SIGKILL') resolve(last)
      else reject(new Error(`the run ended by itself: ${err}`))
    })
  })
}

it('loses no alert', async () => {
  await makeTopics(broker.brokers)
  const producing = produceSwipes(broker.brokers, new SwipeGenerator(WORLD), { swipes: WORLD.swipes, rate: 60_000 })
  const path = join(folder, 'db')
  let taken = 0
  for (const rows of KILLS_AT) {
    const seen = await runAndKill(path, rows)
    expect(seen).toBeGreaterThanOrEqual(taken)
    taken = seen
  }
  expect(taken).toBeLessThan(WORLD.swipes)
  await producing
  const db = await open(path)
  try {
    const count = async (): Promise<number> => {
      const { rows } = await db.query<{ n: bigint }>('SELECT COUNT(*) AS n FROM swipes')
      return Number(rows[0]!.n)
    }
    await eventually(count, (rows) => rows >= WORLD.swipes)
    const expected = tell((await expectedAlerts(WORLD)).values())
    const alerts = await eventually(
      () => alertsInTopic(broker.brokers),
      (found) => found.length >= expected.length && found.join('\n') === expected.join('\n'),
    )
    expect(alerts).toEqual(expected)
    // Offsets commit with their rows, so nothing was read twice either.
    expect(await count()).toBe(WORLD.swipes)
  } finally {
    await db.close()
  }
}, 300_000)
