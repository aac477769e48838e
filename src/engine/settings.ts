/** What one user has set: SET and RESET change it, SHOW reads it. */
import { Code, SETTINGS } from '../../sql/index.js'
import { MillraceError } from '../native/errors.js'

const UNITS: Readonly<Record<string, number>> = { us: 0.001, ms: 1, s: 1000, min: 60_000, h: 3_600_000, d: 86_400_000 }

/** Parameters of the user's own have a dot in their names. */
const OWN = /^[\p{L}_][\p{L}\p{N}_$]*(\.[\p{L}_][\p{L}\p{N}_$]*)+$/u

const STARTED = new Date().toISOString()
/** Whoever has not said who it is. */
const NOBODY = {
  session_authorization: 'millrace',
  $database: 'millrace',
  $pid: String(process.pid),
  $started: STARTED,
}

export class Settings {
  readonly #values = new Map<string, string>()

  /** What the user is, by names that SET does not know: `session_authorization`, `$database`, `$pid`, `$started`. */
  readonly #facts = new Map<string, string>(Object.entries(NOBODY))

  /** What differs from the defaults, by name, and who the user is. */
  get changed(): ReadonlyMap<string, string> {
    return new Map([...this.#facts, ...this.#values])
  }

  /** Whether the user has changed it. */
  has(name: string): boolean {
    return this.#values.has(name)
  }

  /** Once more is known of the user. */
  as(facts: Readonly<Record<string, string>>): void {
    for (const [name, value] of Object.entries(facts)) this.#facts.set(name, value)
  }

  get(name: string): string | undefined {
    return this.#values.get(name) ?? SETTINGS.get(name)?.value
  }

  /** `null` sets it back. */
  set(given: string, value: string | null): void {
    const name = given.toLowerCase()
    const setting = SETTINGS.get(name)
    if (setting === undefined && OWN.test(name)) {
      // As in PostgreSQL, what has been set once stays known.
      this.#values.set(name, value ?? '')
      return
    }
    if (setting === undefined) {
      throw new MillraceError(Code.UndefinedObject, `unrecognized configuration parameter "${given}"`)
    }
    if (setting.shared) {
      throw new MillraceError(Code.FeatureNotSupported, `parameter "${given}" is set by SET only`)
    }
    if (value === null || value.toLowerCase() === setting.value.toLowerCase()) {
      this.#values.delete(name)
      return
    }
    const wanted = spelled(value)
    if (setting.same?.some((same) => spelled(same) === wanted)) return
    if (!setting.free) {
      throw new MillraceError(Code.FeatureNotSupported, `parameter "${given}" cannot be changed`, {
        detail: `It is "${setting.value}".`,
      })
    }
    if (name === 'statement_timeout') milliseconds(given, value)
    this.#values.set(name, value)
  }

  reset(): void {
    this.#values.clear()
  }

  /** How long a statement may take, in milliseconds; 0 is for ever. */
  get statementTimeout(): number {
    return milliseconds('statement_timeout', this.get('statement_timeout') ?? '0')
  }
}

/** Case and blanks say nothing. */
function spelled(value: string): string {
  return value.toLowerCase().replaceAll(' ', '')
}

function milliseconds(name: string, value: string): number {
  const match = /^\s*(\d+)\s*(us|ms|s|min|h|d)?\s*$/.exec(value)
  const amount = match === null ? Number.NaN : Number(match[1]) * (UNITS[match[2] ?? 'ms'] ?? 1)
  if (amount <= 0x7fff_ffff) return Math.ceil(amount)
  throw new MillraceError(Code.InvalidParameterValue, `invalid value for parameter "${name}": "${value}"`, {
    hint: 'Valid units for this parameter are "us", "ms", "s", "min", "h", and "d".',
  })
}
