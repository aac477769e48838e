/** Tab: completes keywords, the catalog's names and columns, and backslash commands. */
import type { Database } from '../index.js'

const KEYWORDS =
  `SELECT FROM WHERE GROUP BY HAVING ORDER LIMIT OFFSET JOIN LEFT RIGHT FULL INNER CROSS ON USING AS DISTINCT UNION ALL
  WITH CASE WHEN THEN ELSE END AND OR NOT IN IS NULL LIKE ILIKE BETWEEN EXISTS CAST INTERVAL OVER PARTITION ROWS RANGE INSERT INTO VALUES UPDATE SET
  DELETE TRUNCATE CREATE ALTER DROP CONFLICT DO NOTHING EXCLUDED BEGIN COMMIT ROLLBACK TRANSACTION EPOCH CHECKPOINT BACKUP CHECK DATABASE
  CONSUMER GROUPS SEGMENTS SEEK TABLE STREAM SOURCE VIEW MATERIALIZED SINK MODEL PRIMARY KEY DEFAULT WATERMARK FOR SHOW TABLES EXPLAIN
  ANALYZE SUBSCRIBE TO SNAPSHOT TUMBLE HOP COUNT SUM AVG MIN MAX BOOLEAN SMALLINT INTEGER BIGINT REAL DOUBLE PRECISION NUMERIC TEXT
  BYTEA DATE TIME TIMESTAMP TIMESTAMPTZ`.split(/\s+/)
const META = ['\\d', '\\dt', '\\dv', '\\ds', '\\dm', '\\dk', '\\x', '\\timing', '\\i', '\\watch', '\\?', '\\q']

export function complete(database: Database, line: string): [matches: string[], word: string] {
  if (/^\s*\\\S*$/.test(line)) return [META.filter((command) => command.startsWith(line.trim())), line.trim()]
  const [word = ''] = /[\w"]*$/.exec(line) ?? []
  if (word === '') return [[], word]
  const names = database.catalog().flatMap((entry) => [entry.name, ...entry.columns.map((column) => column.name)])
  const lower = word === word.toLowerCase()
  const keywords = KEYWORDS.map((keyword) => (lower ? keyword.toLowerCase() : keyword))
  const matches = [...new Set([...names, ...keywords])].filter((name) => name.startsWith(word))
  return [matches.sort(), word]
}
