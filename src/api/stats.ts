/** Counters of the engine, as it reports them: of this process since `open`, but for rows and bytes of relations. */

/** A duration's distribution; zero count means nothing was measured yet. */
export interface Percentiles {
  readonly count: number
  readonly p50_ms: number
  readonly p99_ms: number
}

export interface RelationStats {
  readonly id: number
  readonly name: string
  readonly rows: number
  readonly bytes: number
}

export interface ViewStats {
  readonly id: number
  readonly name: string
  readonly rows: number
  /** Why the view stopped; null while it is kept up to date. */
  readonly error: string | null
}

export interface SourceStats {
  readonly id: number
  readonly name: string
  readonly rows: number
  readonly dead_letters: number
  /** Messages that the topic has and the source has not read. */
  readonly lag: number
  /** The last error, while it lasts. */
  readonly error: string | null
}

export interface SinkStats {
  readonly id: number
  readonly name: string
  readonly rows: number
  readonly error: string | null
  /** From commit to delivered. */
  readonly freshness: Percentiles
}

/** What the operators of all queries hold, and what they may. */
export interface QueryStats {
  /** Queries that run or wait for a thread. */
  readonly running: number
  /** How many threads one query may use. */
  readonly threads: number
  readonly memory_limit: number
  readonly held_bytes: number
  /** The most that was held at once. */
  readonly most_held_bytes: number
  /** Bytes that were written to temporary files, as memory was short. */
  readonly spilled_bytes: number
}

export interface Stats {
  /** The newest commit. */
  readonly epoch: number
  readonly durable_epoch: number
  /** The commit that all views have reached. */
  readonly flow_frontier: number
  readonly journal_bytes: number
  /** Commits that wait for the views. */
  readonly flow_waiting_bytes: number
  /** The process's resident memory. */
  readonly memory_bytes: number
  readonly queries: QueryStats
  /** From commit to published in all views. */
  readonly freshness: Percentiles
  readonly relations: readonly RelationStats[]
  readonly views: readonly ViewStats[]
  readonly sources: readonly SourceStats[]
  readonly sinks: readonly SinkStats[]
}
