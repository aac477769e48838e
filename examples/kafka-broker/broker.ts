/** A real Apache Kafka broker (KRaft, one node, loopback only) as a child process, for the example and the tests. */

import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { closeSync, existsSync, openSync } from 'node:fs'
import { copyFile, mkdir, mkdtemp, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import kafkajs, { type Admin, Kafka, logLevel } from 'kafkajs'
import { brokerJars, findJava, type Report } from './jars.js'
import { clusterId, log4jConfig, serverProperties } from './properties.js'

const run = promisify(execFile)

export interface BrokerOptions {
  /** Where the broker keeps topics, settings and its log. Default: a temporary folder, removed by `stop`. */
  dir?: string
  /** The client port. Default: a free one. */
  port?: number
  /** Told what takes long. Default: silent. */
  report?: Report
  /** How long a start may take. */
  startTimeoutMs?: number
}

export interface Broker {
  /** The address for clients: `127.0.0.1:port`. */
  readonly brokers: string
  /** The broker's process; changes with `restart`. */
  readonly pid: number
  /** Ends the broker cleanly, and removes its folder if that is temporary. */
  stop(): Promise<void>
  /** Ends the broker as a power cut would; its folder stays for `restart`. */
  kill9(): Promise<void>
  /** Starts it again on the same folder and port; stops it first if it runs. */
  restart(): Promise<void>
  createTopic(name: string, partitions?: number, config?: Record<string, string>): Promise<void>
}

const START_TIMEOUT_MS = 120_000
const STOP_TIMEOUT_MS = 30_000
const FORMAT_TIMEOUT_MS = 60_000
const TOPIC_TIMEOUT_MS = 30_000
/** Another process can take a free port between our look and the broker's bind. */
const PORT_ATTEMPTS = 3

export async function startBroker(options: BrokerOptions = {}): Promise<Broker> {
  const report = options.report ?? (() => {})
  const java = await findJava()
  const jars = await brokerJars(report)
  const temporary = options.dir === undefined
  const dir = options.dir ?? (await mkdtemp(join(tmpdir(), 'millrace-kafka-')))
  await mkdir(dir, { recursive: true })
  const timeoutMs = options.startTimeoutMs ?? START_TIMEOUT_MS

  for (let attempt = 1; ; attempt++) {
    const port = options.port ?? (await freePort())
    const node = new Node(java, jars, dir, port, await freePort(), timeoutMs)
    try {
      await node.start()
      return new RunningBroker(node, temporary)
    } catch (error) {
      const taken = error instanceof Error && /Address already in use/.test(error.message)
      if (taken && options.port === undefined && attempt < PORT_ATTEMPTS) continue
      if (temporary) await rm(dir, { recursive: true, force: true })
      throw error
    }
  }
}

class RunningBroker implements Broker {
  readonly brokers: string
  readonly #node: Node
  readonly #temporary: boolean

  constructor(node: Node, temporary: boolean) {
    this.#node = node
    this.#temporary = temporary
    this.brokers = `127.0.0.1:${node.port}`
  }

  get pid(): number {
    return this.#node.pid
  }

  async stop(): Promise<void> {
    await this.#node.end('SIGTERM')
    if (this.#temporary) await rm(this.#node.dir, { recursive: true, force: true })
  }

  async kill9(): Promise<void> {
    await this.#node.end('SIGKILL')
  }

  async restart(): Promise<void> {
    await this.#node.end('SIGTERM')
    await this.#node.start()
  }

  async createTopic(name: string, partitions = 1, config: Record<string, string> = {}): Promise<void> {
    const admin = new Kafka({
      clientId: 'millrace-topics',
      brokers: [this.brokers],
      logLevel: logLevel.NOTHING,
    }).admin()
    await admin.connect()
    try {
      const configEntries = Object.entries(config).map(([key, value]) => ({ name: key, value }))
      const topic = { topic: name, numPartitions: partitions, replicationFactor: 1, configEntries }
      // The client's own wait for leaders fails when the new topic is not known to the broker at once.
      await admin.createTopics({ waitForLeaders: false, topics: [topic] })
      const deadline = Date.now() + TOPIC_TIMEOUT_MS
      while (!(await hasLeaders(admin, name, partitions))) {
        if (Date.now() > deadline) throw new Error(`topic "${name}" has no leaders after ${TOPIC_TIMEOUT_MS / 1000} s`)
        await sleep(20)
      }
    } finally {
      await admin.disconnect()
    }
  }
}

async function hasLeaders(admin: Admin, topic: string, partitions: number): Promise<boolean> {
  try {
    const { topics } = await admin.fetchTopicMetadata({ topics: [topic] })
    const found = topics[0]?.partitions ?? []
    return found.length === partitions && found.every((partition) => partition.leader >= 0)
  } catch (error) {
    if (error instanceof kafkajs.KafkaJSProtocolError && error.retriable) return false
    throw error
  }
}

/** One folder with one broker's data, and the process that serves it while it runs. */
class Node {
  readonly java: string
  readonly jars: string
  readonly dir: string
  readonly port: number
  readonly controllerPort: number
  readonly #timeoutMs: number
  #child: ChildProcess | undefined
  /** Where the running broker writes its class-data archive at its end, and where that belongs. */
  #archive: { path: string; writing?: string } | undefined
  readonly #killAtExit = () => {
    this.#child?.kill('SIGKILL')
  }

  constructor(java: string, jars: string, dir: string, port: number, controllerPort: number, timeoutMs: number) {
    this.java = java
    this.jars = jars
    this.dir = dir
    this.port = port
    this.controllerPort = controllerPort
    this.#timeoutMs = timeoutMs
  }

  get pid(): number {
    if (this.#child?.pid === undefined) throw new Error('the broker is not running')
    return this.#child.pid
  }

  get #logPath(): string {
    return join(this.dir, 'kafka.log')
  }

  async start(): Promise<void> {
    if (await portAnswers(this.port)) throw new Error(`port ${this.port} is taken: Address already in use`)
    const settings = join(this.dir, 'server.properties')
    const logging = join(this.dir, 'log4j2.xml')
    await writeFile(
      settings,
      serverProperties({ port: this.port, controllerPort: this.controllerPort, data: join(this.dir, 'data') }),
    )
    await writeFile(logging, log4jConfig())
    await this.#format(settings, logging)

    const log = openSync(this.#logPath, 'w')
    const archive = await this.#classArchive()
    // A process group of its own: Ctrl-C must reach the broker only after its clients have ended.
    const child = spawn(
      this.java,
      // biome-ignore format: a command line reads best in its own order
      ['-Xms512m', '-Xmx512m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=4', ...archive.flags, '-Djava.awt.headless=true',
       `-Dlog4j2.configurationFile=${logging}`, '-cp', join(this.jars, '*'), 'kafka.Kafka', settings],
      { stdio: ['ignore', log, log], detached: true },
    )
    closeSync(log)
    this.#child = child
    this.#archive = archive
    process.on('exit', this.#killAtExit)
    child.once('exit', () => {
      process.off('exit', this.#killAtExit)
      if (this.#child === child) this.#child = undefined
    })
    child.unref()
    await this.#ready(child)
  }

  async end(signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    const child = this.#child
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return
    const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()))
    child.ref()
    child.kill(signal)
    const timer = setTimeout(() => child.kill('SIGKILL'), STOP_TIMEOUT_MS)
    await ended
    clearTimeout(timer)
    await this.#keepArchive()
  }

  /** Java wrote it at a clean end; the next start then needs half the time. It is only a cache: no failure counts. */
  async #keepArchive(): Promise<void> {
    const archive = this.#archive
    if (archive?.writing === undefined || !existsSync(archive.writing)) return
    // The folders may be on two disks; renamed when whole, as another broker may read it at any time.
    const whole = `${archive.path}.${process.pid}`
    await copyFile(archive.writing, whole)
      .then(() => rename(whole, archive.path))
      .catch(() => {})
    await rm(archive.writing, { force: true })
  }

  /** Waits until the broker says so and its port answers; its last lines are the error if it ends before. */
  async #ready(child: ChildProcess): Promise<void> {
    const deadline = Date.now() + this.#timeoutMs
    for (;;) {
      if (child.exitCode !== null || child.signalCode !== null) {
        throw new Error(`Kafka's broker did not start:\n${await this.#lastLines()}`)
      }
      const log = await readFile(this.#logPath, 'utf8').catch(() => '')
      if (log.includes('Kafka Server started') && (await portAnswers(this.port))) return
      if (Date.now() > deadline) {
        const lines = await this.#lastLines()
        await this.end('SIGKILL')
        throw new Error(`Kafka's broker was not ready within ${this.#timeoutMs / 1000} s:\n${lines}`)
      }
      await sleep(50)
    }
  }

  async #format(settings: string, logging: string): Promise<void> {
    if (existsSync(join(this.dir, 'data', 'meta.properties'))) return
    // biome-ignore format: a command line reads best in its own order
    const args = ['-Xmx256m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1', '-Xshare:auto', `-Dlog4j2.configurationFile=${logging}`,
                  '-Dkafka.level=WARN', '-cp', join(this.jars, '*'), 'kafka.tools.StorageTool', 'format', '--ignore-formatted', '-t', clusterId(), '-c', settings]
    try {
      await run(this.java, args, { timeout: FORMAT_TIMEOUT_MS, maxBuffer: 16 << 20 })
    } catch (error) {
      const failed = error as Error & { stdout?: string; stderr?: string }
      throw new Error(`Kafka could not format "${this.dir}":\n${failed.stdout ?? ''}${failed.stderr ?? failed.message}`)
    }
  }

  /** Class-data sharing: the first clean stop writes the archive beside the jars, later starts use it. */
  async #classArchive(): Promise<{ path: string; flags: string[]; writing?: string }> {
    const path = `${this.jars}.jsa`
    const quiet = ['-Xlog:cds=off', '-Xlog:cds+dynamic=off', '-Xshare:auto']
    const size = await stat(path).then(
      (found) => found.size,
      () => 0,
    )
    if (size > 0) return { path, flags: [`-XX:SharedArchiveFile=${path}`, ...quiet] }
    // Each broker writes a file of its own: two may end at once.
    const writing = join(this.dir, basename(path))
    return { path, writing, flags: [`-XX:ArchiveClassesAtExit=${writing}`, ...quiet] }
  }

  async #lastLines(): Promise<string> {
    const log = await readFile(this.#logPath, 'utf8').catch(() => '')
    return log.trim().split('\n').slice(-20).join('\n')
  }
}

async function freePort(): Promise<number> {
  return await new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      if (address === null || typeof address === 'string') return reject(new Error('no port'))
      server.close(() => resolve(address.port))
    })
  })
}

async function portAnswers(port: number): Promise<boolean> {
  return await new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port })
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => resolve(false))
  })
}
