/** What all queries of a database may use: SET changes it for everybody at once, as in DuckDB. */
import { Code } from '../../sql/index.js'
import { MillraceError } from '../native/errors.js'
import type { NativeEngine } from '../native/native.js'

const UNITS: ReadonlyMap<string, number> = new Map([
  ['b', 1],
  ...['k', 'm', 'g', 't'].flatMap((prefix, at): [string, number][] => [
    [`${prefix}b`, 1000 ** (at + 1)],
    [`${prefix}ib`, 1024 ** (at + 1)],
  ]),
])

const THREADS_MAX = 256

/** `256MB`, `1.5 GiB`: a number of bytes. */
export function bytesOf(name: string, value: string): number {
  const match = /^\s*(\d+(?:\.\d+)?)\s*([a-z]+)\s*$/i.exec(value)
  const unit = UNITS.get(match?.[2]?.toLowerCase() ?? '')
  const bytes = match === null || unit === undefined ? Number.NaN : Math.floor(Number(match[1]) * unit)
  if (Number.isSafeInteger(bytes) && bytes > 0) return bytes
  throw new MillraceError(Code.InvalidParameterValue, `invalid value for parameter "${name}": "${value}"`, {
    hint: 'Give a number with a unit: "KB", "MB", "GB" and "TB" count by 1000, "KiB", "MiB", "GiB" and "TiB" by 1024.',
  })
}

export function threadsOf(name: string, value: string): number {
  const threads = /^\s*\d+\s*$/.test(value) ? Number(value) : Number.NaN
  if (threads >= 1 && threads <= THREADS_MAX) return threads
  throw new MillraceError(Code.InvalidParameterValue, `invalid value for parameter "${name}": "${value}"`, {
    hint: `Give a number from 1 to ${THREADS_MAX}.`,
  })
}

function sizeText(bytes: number): string {
  if (bytes % 1e6 === 0) return `${bytes / 1e6}MB`
  return bytes % 2 ** 20 === 0 || bytes >= 2 ** 30 ? `${Math.floor(bytes / 2 ** 20)}MiB` : `${bytes}B`
}

export class Limits {
  readonly #engine: NativeEngine
  /** As the database was opened. */
  readonly #opened: { readonly memoryLimit: number; readonly threads: number }
  /** What was set since. */
  readonly #given = new Map<string, string>()

  constructor(engine: NativeEngine) {
    this.#engine = engine
    this.#opened = engine.limits()
  }

  /** By the names of the settings. */
  get values(): ReadonlyMap<string, string> {
    const { memoryLimit, threads } = this.#opened
    return new Map([['memory_limit', sizeText(memoryLimit)], ['threads', String(threads)], ...this.#given])
  }

  /** Whether the setting is one of these; `null` sets it back. */
  set(given: string, value: string | null): boolean {
    const name = given.toLowerCase()
    if (name !== 'memory_limit' && name !== 'threads') return false
    const values = new Map(this.#given)
    if (value === null) values.delete(name)
    else values.set(name, value.trim())
    const [memory, threads] = [values.get('memory_limit'), values.get('threads')]
    this.#engine.setLimits({
      memoryLimit: memory === undefined ? this.#opened.memoryLimit : bytesOf('memory_limit', memory),
      threads: threads === undefined ? this.#opened.threads : threadsOf('threads', threads),
    })
    if (value === null) this.#given.delete(name)
    else this.#given.set(name, value.trim())
    return true
  }
}
