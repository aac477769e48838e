/** Counters of the engine, as it reports them. All are of this process since `open`, but for rows and bytes. */

export interface RelationStats {
  readonly name?: string
  readonly rows: number
  readonly bytes?: number
}

export interface SourceStats {
  readonly rows: number
  readonly dead_letters: number
  /** Messages that the topic has and the source has not read. */
  readonly lag?: number
  /** The last error, while it lasts. */
  readonly error?: string | null
}

export interface SinkStats {
  readonly rows: number
  readonly error?: string | null
}

/** From commit to published in all views. */
export interface FreshnessStats {
  readonly count: number
  readonly p50_ms: number
  readonly p99_ms: number
}

/** What the engine counts; it may tell more than is named here. */
export interface Stats {
  readonly epoch: number
  readonly freshness: FreshnessStats
  readonly [name: string]: unknown
}
