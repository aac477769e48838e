/**
 * A process that is going to be killed: inserts numbered rows into a stream and a table of the database in argv[2],
 * and prints each number once its commit is acknowledged. Several inserts are in flight, so that groups form.
 */
import { writeSync } from 'node:fs'
import { open } from '../../src/index.js'

const [path, from] = [process.argv[2]!, Number(process.argv[3])]
const db = await open(path)
const IN_FLIGHT = 4
let next = from

async function insertForever(): Promise<void> {
  for (;;) {
    const n = next++
    await db.execute(`INSERT INTO s VALUES (${n}, 'row ${n}')`)
    await db.execute(`INSERT INTO t VALUES (${n % 50}, ${n}) ON CONFLICT (k) DO UPDATE SET n = excluded.n`)
    writeSync(1, `${n}\n`)
  }
}

await Promise.all(Array.from({ length: IN_FLIGHT }, insertForever))
