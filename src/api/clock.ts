/** The clock of a database that was opened with one of its own. */
import { Code, fixedMicroseconds, PLAN_VERSION, parseInterval } from '../../sql/index.js'
import { MillraceError, toMillraceError } from '../native/errors.js'
import type { NativeEngine } from '../native/native.js'

export class Clock {
  readonly #engine: NativeEngine

  /** @internal */
  constructor(engine: NativeEngine) {
    this.#engine = engine
  }

  /** Lets the clock go on: by an interval without months, as `1 hour`, or by milliseconds. What this brings about in views is seen by
   *  every query after it. Rejects with 55000 when the database goes by the system's clock. */
  async advance(by: string | number): Promise<void> {
    const by_us = microseconds(by)
    if (by_us === undefined || by_us < 0n || by_us >= 1n << 63n)
      throw new MillraceError(Code.InvalidParameterValue, `cannot advance a clock by ${JSON.stringify(by)}`, {
        hint: "Give milliseconds, or an interval without months that is not negative: '90 minutes'.",
      })
    try {
      await this.#engine.execute({ command: 'advance_clock', version: PLAN_VERSION, by_us })
    } catch (error) {
      throw toMillraceError(error)
    }
  }
}

function microseconds(by: string | number): bigint | undefined {
  if (typeof by === 'number') return Number.isFinite(by) ? BigInt(Math.round(by * 1000)) : undefined
  const parts = parseInterval(by)
  return parts && fixedMicroseconds(parts)
}
