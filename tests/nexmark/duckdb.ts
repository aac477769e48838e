/** Nexmark's queries for DuckDB, which has no time windows: the same questions in other words, and the same rows. */
import { type DuckDBConnection, DuckDBTimestampValue } from '@duckdb/node-api'
import { type NexmarkQuery, SCHEMA, STREAMS } from '../../bench/nexmark/data.js'
import type { Stretch } from '../../bench/nexmark/events.js'

/** The start of the window of 10 seconds, and of each of the five that begin every two seconds. */
const TUMBLE = "time_bucket(INTERVAL '10 seconds', dateTime)"
const HOPPED = `(SELECT *, time_bucket(INTERVAL '2 seconds', dateTime) - to_seconds(2 * n) AS w FROM bid, range(5) AS hops (n))`

/** The highest price of its group that is not in a window: of all that have the same start. */
const OTHER_WORDS: Readonly<Record<string, string>> = {
  q5: `SELECT auction, num FROM (
      SELECT auction, w, count(*) AS num, max(count(*)) OVER (PARTITION BY w) AS most FROM ${HOPPED} GROUP BY auction, w
    ) WHERE num = most`,
  // A bid at the very end of a window is of the next one, but may be as high as this one's highest.
  q7: `SELECT auction, price, bidder, dateTime, extra FROM bid
    WHERE (price, ${TUMBLE}) IN (SELECT (max(price), ${TUMBLE}) FROM bid GROUP BY ${TUMBLE})`,
  q8: `SELECT DISTINCT person.id, name, time_bucket(INTERVAL '10 seconds', person.dateTime)
    FROM person JOIN auction ON seller = person.id
      AND time_bucket(INTERVAL '10 seconds', person.dateTime) = time_bucket(INTERVAL '10 seconds', auction.dateTime)`,
  q11: `SELECT bidder, count(*), min(dateTime), max(dateTime) + INTERVAL '10 seconds' FROM (
      SELECT bidder, dateTime, count(*) FILTER (WHERE apart) OVER (PARTITION BY bidder ORDER BY dateTime) AS session FROM (
        SELECT *, dateTime > lag(dateTime) OVER (PARTITION BY bidder ORDER BY dateTime) + INTERVAL '10 seconds' AS apart FROM bid
      )
    ) GROUP BY bidder, session`,
  q12: `SELECT bidder, count(*), ${TUMBLE}, ${TUMBLE} + INTERVAL '10 seconds' FROM bid GROUP BY bidder, ${TUMBLE}`,
}

export function inDuckDb({ name, sql }: NexmarkQuery): string {
  return (
    (OTHER_WORDS[name] ?? sql)
      // Bids of the same price are told apart by the rest of the row.
      .replace('ORDER BY price DESC)', 'ORDER BY price DESC, auction, bidder, channel, url, dateTime, extra)')
      .replaceAll("TO_CHAR(dateTime, 'YYYY-MM-DD')", "strftime(dateTime, '%Y-%m-%d')")
      .replaceAll("TO_CHAR(dateTime, 'HH24:MI')", "strftime(dateTime, '%H:%M')")
      .replaceAll(/SUBSTRING\(url, ('[^']*')\)/g, "nullif(regexp_extract(url, $1, 1), '')")
  )
}

export async function define(connection: DuckDBConnection): Promise<void> {
  const schema = SCHEMA.replace(/,\s*WATERMARK .*/g, '').replaceAll('CREATE STREAM', 'CREATE TABLE')
  for (const create of schema.split(';').slice(0, -1)) await connection.run(create)
  await connection.run('INSERT INTO side_input SELECT n, n FROM range(10000) AS side (n)')
}

export async function load(connection: DuckDBConnection, stretch: Stretch): Promise<void> {
  for (const stream of STREAMS) {
    const columns = Object.entries(stretch[stream])
    const appender = await connection.createAppender(stream)
    for (let row = 0; row < (columns[0]?.[1].length ?? 0); row++) {
      for (const [name, values] of columns) {
        const value = values[row]!
        if (typeof value === 'string') appender.appendVarchar(value)
        else if (name === 'datetime' || name === 'expires') appender.appendTimestamp(new DuckDBTimestampValue(value))
        else appender.appendBigInt(value)
      }
      appender.endRow()
    }
    appender.closeSync()
  }
}
