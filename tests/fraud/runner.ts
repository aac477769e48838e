/** A process that is going to be killed: opens the database in argv[2], makes the pipeline over the broker in argv[3] if it
 *  is not there, and prints how many swipes the source has taken, until it ends. Arguments 4 and 5: seed, cards. */
import { writeSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { SwipeGenerator } from '../../examples/fraud/generate.js'
import { createPipeline } from '../../examples/fraud/pipeline.js'
import { open } from '../../src/index.js'

const [path, brokers, seed, cards] = process.argv.slice(2)
const db = await open(path!)
if (!db.catalog().some((entry) => entry.name === 'alerts')) {
  await createPipeline(db, new SwipeGenerator({ seed: Number(seed), cards: Number(cards) }), { brokers: brokers! })
}
for (;;) {
  const { rows } = await db.query<{ n: bigint }>('SELECT COUNT(*) AS n FROM swipes')
  writeSync(1, `${rows[0]!.n}\n`)
  await sleep(5)
}
