/** What a suite is: a name, a line about it, and a run that gives measurements of us and of peers. */

export interface Context {
  /** `--rows`; each suite has its own default. */
  readonly rows: number | undefined
  readonly repeat: number
  /** `--scale`: of suites whose data has a scale factor. */
  readonly scale: number | undefined
  /** Progress, for people. */
  report(line: string): void
}

/** One number, measured several times; the median counts. */
export interface Measurement {
  /** What was done: the measurements of one case are compared. */
  readonly case: string
  /** `millrace`, or a peer's name and version. */
  readonly subject: string
  readonly metric: string
  readonly unit: string
  readonly better: 'higher' | 'lower'
  readonly values: readonly number[]
  /** What it should be, where the project has set that. */
  readonly goal?: number
}

export interface Outcome {
  readonly measurements: readonly Measurement[]
  /** Peers that could not be measured, and why. */
  readonly missing?: readonly string[]
  /** What a reader must know about the numbers: sizes, loads, what limits them. */
  readonly notes?: readonly string[]
}

export interface Suite {
  readonly name: string
  readonly about: string
  run(context: Context): Promise<Outcome>
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  if (sorted.length === 0) return Number.NaN
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
}
