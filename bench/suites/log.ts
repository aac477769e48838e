/** The columnar log: appends, commits, scans, size on disk, opening, many streams, many readers. Every figure stands beside what
 *  the disk or the memory takes by itself, or beside a peer, measured in the same run. */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Figure, gathered, runDriver } from '../log/driver.js'
import { FSYNC, KafkaPeer, NO_FSYNC } from '../log/kafka.js'
import { nodeAppends } from '../log/node-append.js'
import { duckdbScans } from '../log/scan.js'
import { sizes } from '../log/size.js'
import { sqlScans } from '../log/sql-scan.js'
import { installed } from '../machine.js'
import { median, type Suite } from '../suite.js'

/** What each part counts; `--rows` is for the scans. */
const AMOUNT = {
  events: 1_000_000,
  readers: 2_000_000,
  records: 2_000_000,
  kafka: 500_000,
  node: 500_000,
  commits: 500,
  scan: 100_000_000,
  size: 500_000,
  megabytes: 1000,
  sealing: 256,
  streams: 10_000,
} as const

const KAFKA_GOALS = { [FSYNC]: 8, [NO_FSYNC]: 3 } as const

export const log: Suite = {
  name: 'log',
  about: 'the columnar log: appends, commits, scans, size, opening, streams, readers',
  async run({ rows = AMOUNT.scan, repeat, report }) {
    const figures: Figure[] = []
    const missing: string[] = []
    const folder = mkdtempSync(join(process.env.MILLRACE_BENCH_DIR ?? tmpdir(), 'millrace-log-'))
    const version = installed('@duckdb/node-api')
    if (version === undefined) missing.push('duckdb: @duckdb/node-api is not installed (npm install)')
    const part = async (name: string, measure: () => Figure[] | Promise<Figure[]>) => {
      report(`  ${name}`)
      figures.push(...(await measure()))
    }
    const driver = (command: string, amount: number, times = repeat) =>
      part(command, () => runDriver(command, join(folder, command), amount, times))
    try {
      for (const name of ['append', 'single', 'writers', 'records']) mkdirSync(join(folder, name))
      await driver('append', AMOUNT.events, Math.max(15, repeat))
      await driver('single', AMOUNT.commits, Math.max(9, repeat))
      await driver('writers', 64, Math.max(5, repeat))
      await part('records', async () => {
        try {
          return await records(folder, repeat, report)
        } catch (error) {
          missing.push(`kafka: ${error instanceof Error ? error.message : String(error)}`)
          return []
        }
      })
      await driver('scan', rows)
      if (version !== undefined) {
        await part('scans of DuckDB', () => duckdbScans(folder, rows, repeat, version))
        await part('scans in SQL', () => sqlScans(folder, rows, repeat, version))
        await part('appends from Node', () => nodeAppends(folder, AMOUNT.node, repeat, version))
        await part('sizes', () => sizes(folder, AMOUNT.size, version))
      }
      await driver('open', AMOUNT.megabytes)
      await driver('recover', AMOUNT.megabytes)
      await driver('sealing', AMOUNT.sealing)
      await driver('streams', AMOUNT.streams)
      await driver('readers', AMOUNT.readers, Math.max(9, repeat))
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
    return {
      measurements: gathered(figures),
      missing,
      notes: [
        'an event has four BIGINT, texts of 40 and 60 bytes and a timestamp; "of the disk" is the time of a plain preallocated file that gets the same writes and fsyncs, over ours',
        'sealing goes on in the background while appends and readers are measured; plain probes run when it has ended',
        `scans: ${rows} rows on one thread with the file cached; id counts up, medium has 20 bits, large 53; count, min and max are answered from statistics, without reading a value, and a filter skips blocks by them; so only sum and the filters of medium and large say how fast values are read (DuckDB reads them for min and max)`,
        'scans in SQL: the same rows through queries on two threads, on both sides from call to row; "8-byte values" are the rows times 8 bytes over the time, to be read beside the memory bandwidth of one thread above',
        'producer-perf-test makes its records and talks to its broker on the same machine; ours come one by one into batches of 8192, a commit each, 8 on their way',
        'open, recovery and scans find their files in the page cache',
        'eight consumer groups are read by as many threads as there are cores, which let commits go first, as in the engine; readers that keep up take eight times what the writer appends, on the same cores; readers at their own pace take together as much as the writer alone appends',
      ],
    }
  },
}

/** Our records and Kafka's in turns. */
async function records(folder: string, repeat: number, report: (line: string) => void): Promise<Figure[]> {
  const figures: Figure[] = []
  const kafka = await KafkaPeer.start(report)
  try {
    for (let turn = 0; turn < repeat; turn++) {
      figures.push(...runDriver('records', join(folder, 'records'), AMOUNT.records, 1))
      figures.push(...(await kafka.turn(AMOUNT.kafka)))
    }
  } finally {
    await kafka.stop()
  }
  const ratios = Object.entries(KAFKA_GOALS).map(([name, goal]): Figure => {
    const all = gathered(figures).filter((one) => one.case === name)
    const ours = median(all.find((one) => one.subject === 'millrace')?.values ?? [])
    const best = Math.max(...all.filter((one) => one.subject !== 'millrace').map((one) => median(one.values)))
    const metric = "over Kafka's better way"
    return { case: name, subject: 'millrace', metric, unit: 'x', better: 'higher', value: ours / best, goal }
  })
  return [...figures, ...ratios]
}
