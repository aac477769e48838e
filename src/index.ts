/** The public API of Millrace: what `import … from 'millrace'` gives. Nothing else of the package is meant to be imported. */

export type { DataType, Field } from '../sql/index.js'
export { Appender, type AppenderOptions, type AppendRow } from './api/appender.js'
export {
  Consumer,
  ConsumerBatch,
  type ConsumerOptions,
  type ConsumerPlace,
  type ConsumerRecord,
} from './api/consumer.js'
export { type CallOptions, Database, type OpenOptions, open, type SubscribeOptions } from './api/database.js'
export type { Parameter } from './api/parameters.js'
export { PreparedStatement } from './api/prepared-statement.js'
export { Batch, Result, type Row } from './api/result.js'
export type { Percentiles, RelationStats, SinkStats, SourceStats, Stats, ViewStats } from './api/stats.js'
export { type Change, type ChangeBatches, type ChangeSet, Subscription } from './api/subscription.js'
export { Transaction, type TransactionOptions } from './api/transaction.js'
export type { CatalogColumn, CatalogEntry, CatalogKind } from './catalog/describe.js'
export { MillraceError } from './native/errors.js'
export { type ReplOptions, runRepl } from './repl/repl.js'
export type { ListenOptions, Server } from './server/server.js'
export { Decimal } from './values/decimal.js'
export { formatText, type Value } from './values/format.js'
export { Instant } from './values/instant.js'
export { Interval } from './values/interval.js'
