/** The process that `failures.test.ts` kills: opens a database with the pipeline and tells its progress, a line a step. */
import { open } from '../../src/index.js'
import { count, sinkSql, sourceSql } from './database.js'

const [path, brokers] = process.argv.slice(2)
if (path === undefined || brokers === undefined) throw new Error('usage: runner PATH BROKERS')

const db = await open(path)
if (db.catalog().length === 0) {
  await db.execute(sourceSql(brokers, 'orders'))
  await db.execute('CREATE MATERIALIZED VIEW large AS SELECT id, grp, amount FROM orders WHERE amount >= 5')
  await db.execute(sinkSql(brokers, 'large_orders', 'large', 'id'))
}
for (;;) {
  process.stdout.write(`${await count(db, 'orders')}\n`)
  await new Promise((resolve) => setTimeout(resolve, 5))
}
