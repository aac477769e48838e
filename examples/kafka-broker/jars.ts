/** Kafka's jars: resolved once by Maven into the cache folder, and shared by every broker of this user. */

import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, readFile, rename, rm } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const run = promisify(execFile)

/** Kafka 4 runs on Java 17 and newer. */
const JAVA_VERSION_MIN = 17
const MAVEN_TIMEOUT_MS = 10 * 60_000

export type Report = (line: string) => void

/** Everything of ours that may be deleted at any time and is made again. */
export function cacheFolder(): string {
  return process.env.MILLRACE_CACHE ?? join(homedir(), '.cache', 'millrace')
}

/** The java command; fails with how to get one where it is missing or too old. */
export async function findJava(): Promise<string> {
  const home = process.env.JAVA_HOME
  const fromHome = home === undefined ? undefined : join(home, 'bin', 'java')
  const java = fromHome !== undefined && existsSync(fromHome) ? fromHome : 'java'
  const hint = `Install Java ${JAVA_VERSION_MIN} or newer (Debian and Ubuntu: "apt install default-jre-headless"; macOS: "brew install openjdk"; or https://adoptium.net), or set JAVA_HOME.`
  let text: string
  try {
    text = (await run(java, ['-version'])).stderr
  } catch {
    throw new Error(`java was not found, and Kafka's broker needs it. ${hint}`)
  }
  const major = Number(/version "(?:1\.)?(\d+)/.exec(text)?.[1] ?? Number.NaN)
  if (!(major >= JAVA_VERSION_MIN)) throw new Error(`java is too old: ${text.split('\n')[0]}. ${hint}`)
  return java
}

/** The folder with the broker's jars (or another pom's), filled on first use; a pom.xml that changed gets a folder of its own. */
export async function brokerJars(report: Report, pom = pomPath()): Promise<string> {
  const hash = createHash('sha256')
    .update(await readFile(pom))
    .digest('hex')
    .slice(0, 12)
  const parent = join(cacheFolder(), 'kafka')
  const jars = join(parent, `jars-${hash}`)
  if (existsSync(jars)) return jars

  report('resolving the jars of Apache Kafka with Maven (once, about 100 MB)')
  await mkdir(parent, { recursive: true })
  // Filled elsewhere and renamed when whole: a run that was cut off or runs beside us leaves no half folder.
  const filling = await mkdtemp(join(parent, 'filling-'))
  try {
    await maven([
      '-B',
      '-q',
      '-ntp',
      '-f',
      pom,
      'dependency:copy-dependencies',
      '-DincludeScope=runtime',
      `-DoutputDirectory=${filling}`,
    ])
    await rename(filling, jars).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOTEMPTY' && error.code !== 'EEXIST') throw error
    })
  } finally {
    await rm(filling, { recursive: true, force: true })
  }
  return jars
}

async function maven(args: string[]): Promise<void> {
  try {
    await run('mvn', args, { timeout: MAVEN_TIMEOUT_MS, maxBuffer: 64 << 20 })
  } catch (error) {
    const failed = error as NodeJS.ErrnoException & { stdout?: string; stderr?: string }
    if (failed.code === 'ENOENT') {
      throw new Error(
        'mvn was not found, and it resolves the jars of Kafka\'s broker. Install Apache Maven (Debian and Ubuntu: "apt install maven"; macOS: "brew install maven"), or use a broker that runs already.',
      )
    }
    const output = `${failed.stdout ?? ''}${failed.stderr ?? ''}`.trim().split('\n').slice(-15).join('\n')
    throw new Error(`Maven could not resolve the jars of Kafka's broker:\n${output || failed.message}`)
  }
}

function pomPath(): string {
  // Beside this file when it runs as TypeScript; three folders up and back when it runs from dist/.
  for (const relative of ['pom.xml', '../../../examples/kafka-broker/pom.xml']) {
    const path = fileURLToPath(new URL(relative, import.meta.url))
    if (existsSync(path)) return path
  }
  throw new Error('examples/kafka-broker/pom.xml is missing: the broker runs from a clone of the repository')
}
