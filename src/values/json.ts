/** JSONB in JavaScript: what JSON.parse gives, but no digit is lost. An integer that a double does not hold is a bigint, a
 *  number of more than 15 digits otherwise a Decimal. */
import { Decimal } from './decimal.js'

export type JsonValue =
  | null
  | boolean
  | number
  | string
  | bigint
  | Decimal
  | readonly JsonValue[]
  | { readonly [name: string]: JsonValue }

/** More digits than a double surely keeps. */
const MANY_DIGITS = /[\d.]{16}/

/** The text is JSON. */
export function parseJson(text: string): JsonValue {
  return MANY_DIGITS.test(text) ? new ExactReader(text).read() : (JSON.parse(text) as JsonValue)
}

/** Reads JSON that is known to be valid, as PostgreSQL writes it. */
class ExactReader {
  readonly #text: string
  #at = 0

  constructor(text: string) {
    this.#text = text
  }

  read(): JsonValue {
    this.#blanks()
    switch (this.#text[this.#at]) {
      case '[':
        return this.#array()
      case '{':
        return this.#object()
      case '"':
        return this.#take(/"(?:[^"\\]|\\.)*"/y, (text) => JSON.parse(text) as string)
      default:
        return this.#take(/[^\s,\]}]+/y, scalar)
    }
  }

  #blanks(): void {
    while (' \t\r\n'.includes(this.#text[this.#at] ?? 'x')) this.#at += 1
  }

  #take<T>(pattern: RegExp, read: (text: string) => T): T {
    pattern.lastIndex = this.#at
    const text = pattern.exec(this.#text)?.[0] ?? ''
    this.#at += text.length
    return read(text)
  }

  /** Goes past a separator; false at the end of the container. */
  #more(): boolean {
    this.#blanks()
    const separator = this.#text[this.#at++]
    return separator === ','
  }

  #isEmpty(): boolean {
    this.#at += 1
    this.#blanks()
    const end = this.#text[this.#at] === ']' || this.#text[this.#at] === '}'
    if (end) this.#at += 1
    return end
  }

  #array(): JsonValue {
    const out: JsonValue[] = []
    if (this.#isEmpty()) return out
    do out.push(this.read())
    while (this.#more())
    return out
  }

  #object(): JsonValue {
    const members: [string, JsonValue][] = []
    if (this.#isEmpty()) return {}
    do {
      const name = this.read() as string
      this.#more()
      members.push([name, this.read()])
    } while (this.#more())
    return Object.fromEntries(members)
  }
}

function scalar(text: string): JsonValue {
  if (!MANY_DIGITS.test(text)) return JSON.parse(text) as JsonValue
  const value = Number(text)
  if (!/^-?\d+$/.test(text)) return Decimal.from(text)
  return Number.isSafeInteger(value) ? value : BigInt(text)
}

/** PostgreSQL's text of a JSONB value: the shorter keys first, then by their bytes. */
export function formatJson(value: JsonValue): string {
  if (Array.isArray(value)) return `[${value.map(formatJson).join(', ')}]`
  if (typeof value === 'number') return plainNumber(value)
  if (typeof value === 'bigint' || value instanceof Decimal) return String(value)
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  const members = Object.entries(value as { readonly [name: string]: JsonValue }).map(([name, member]) => ({
    key: Buffer.from(name, 'utf8'),
    text: `${JSON.stringify(name)}: ${formatJson(member)}`,
  }))
  members.sort((a, b) => a.key.length - b.key.length || Buffer.compare(a.key, b.key))
  return `{${members.map(({ text }) => text).join(', ')}}`
}

/** Without an exponent. */
function plainNumber(value: number): string {
  const text = String(value)
  return text.includes('e') ? Decimal.from(value).toString() : text
}

/** Any value of JavaScript as JSON text, exact: a bigint and a Decimal are numbers with all their digits. Undefined for what
 *  JSON does not have, a function or an object within itself. */
export function jsonText(value: unknown): string | undefined {
  try {
    return write(value, 0)
  } catch (error) {
    if (error instanceof TypeError) return undefined
    throw error
  }
}

/** As the engine has it. */
const DEPTH_MAX = 512

function write(given: unknown, depth: number): string | undefined {
  if (depth > DEPTH_MAX) throw new TypeError('nested too deeply, or within itself')
  if (typeof given === 'bigint' || given instanceof Decimal) return String(given)
  const own = given as { toJSON?: () => unknown } | null | undefined
  const value = typeof own === 'object' && typeof own?.toJSON === 'function' ? own.toJSON() : given
  if (value instanceof Map) return write(Object.fromEntries(value), depth)
  if (typeof value !== 'object' || value === null) {
    if (typeof value === 'number' && !Number.isFinite(value)) throw new TypeError('not a number of JSON')
    return JSON.stringify(value)
  }
  if (ArrayBuffer.isView(value)) throw new TypeError('bytes are not JSON')
  if (Array.isArray(value)) return `[${value.map((element) => write(element, depth + 1) ?? 'null').join(',')}]`
  const members: string[] = []
  for (const [name, member] of Object.entries(value)) {
    const text = write(member, depth + 1)
    if (text !== undefined) members.push(`${JSON.stringify(name)}:${text}`)
  }
  return `{${members.join(',')}}`
}
