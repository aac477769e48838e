/** The job through a real Kafka broker: a child process produces the swipes, Millrace's source reads them, its sink writes
 *  the alerts, and an ordinary client reads those back. */
import { type ChildProcess, spawn } from 'node:child_process'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { Database } from '../../src/index.js'
import { AlertReader } from './topics.js'

export interface KafkaRunOptions {
  readonly brokers: string
  readonly swipes: number
  readonly cards: number
  readonly seed: number
  readonly rate?: number | undefined
  readonly signal?: AbortSignal | undefined
  /** Told how many swipes the source has taken in. */
  readonly onTaken?: ((rows: number) => void) | undefined
}

const POLL_MS = 20
/** How long nothing may move before the run is given up. */
const STALL_MS = 60_000

/** Produces all swipes and resolves when each has gone through the pipeline; false if the signal ended it before. */
export async function runThroughKafka(db: Database, options: KafkaRunOptions): Promise<boolean> {
  const producer = startProducer(options)
  let ended: string | undefined
  producer.ended.then(
    () => undefined,
    (error: Error) => {
      ended = error.message
    },
  )
  let taken = -1
  let movedAt = performance.now()
  try {
    while (!options.signal?.aborted) {
      const { sources, epoch, flow_frontier } = await db.stats()
      const source = sources[0]
      const rows = source?.rows ?? 0
      if (rows !== taken) {
        taken = rows
        movedAt = performance.now()
        options.onTaken?.(rows)
      }
      if (rows >= options.swipes && flow_frontier >= epoch) return true
      if (ended !== undefined) throw new Error(ended)
      if (performance.now() - movedAt > STALL_MS) {
        throw new Error(
          `nothing came from the broker for ${STALL_MS / 1000} s${source?.error ? `: ${source.error}` : ''}`,
        )
      }
      await sleep(POLL_MS)
    }
    return false
  } finally {
    producer.stop()
    await producer.ended.catch(() => undefined)
  }
}

/** Reads the alerts back from their topic until it holds as many as the view, and gives their number. */
export async function readBack(db: Database, brokers: string, signal?: AbortSignal): Promise<number> {
  const [row] = (await db.query<{ n: bigint }>('SELECT COUNT(*) AS n FROM flagged')).rows
  const wanted = Number(row?.n ?? 0n)
  let movedAt = performance.now()
  const reader = await AlertReader.start(brokers, () => {
    movedAt = performance.now()
  })
  try {
    while (!signal?.aborted && reader.alerts.size !== wanted && performance.now() - movedAt < STALL_MS)
      await sleep(POLL_MS)
    return reader.alerts.size
  } finally {
    await reader.close()
  }
}

interface Producer {
  /** Rejects with what the process said when it failed by itself. */
  readonly ended: Promise<void>
  stop(): void
}

function startProducer(options: KafkaRunOptions): Producer {
  const program = fileURLToPath(new URL('produce.js', import.meta.url))
  const { brokers, swipes, cards, seed, rate = 0 } = options
  const args = [program, brokers, String(swipes), String(cards), String(seed), String(rate)]
  const child: ChildProcess = spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'pipe'] })
  let said = ''
  child.stderr?.on('data', (chunk) => {
    said += String(chunk)
  })
  const ended = new Promise<void>((resolve, reject) => {
    child.on('error', reject)
    child.on('exit', (code, signal) => {
      if (code === 0 || signal !== null) resolve()
      else reject(new Error(said.trim() || `the producer ended with code ${code}`))
    })
  })
  return { ended, stop: () => child.kill('SIGKILL') }
}
