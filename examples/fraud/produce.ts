/** Produces swipes to Kafka in a process of its own, as another company's system would: what runs here takes no time from
 *  the thread that shows the run. Arguments: brokers, swipes, cards, seed, rate (0 for none). */
import { SwipeGenerator } from './generate.js'
import { produceSwipes } from './topics.js'

const [brokers, swipes, cards, seed, rate] = process.argv.slice(2)
if (brokers === undefined || swipes === undefined || cards === undefined || seed === undefined) {
  process.stderr.write('usage: produce <host:port> <swipes> <cards> <seed> [rate]\n')
  process.exit(2)
}
// The parent ends this process when it has to; Ctrl-C in the terminal is the parent's to judge.
process.on('SIGINT', () => undefined)
const generator = new SwipeGenerator({ seed: Number(seed), cards: Number(cards) })
try {
  await produceSwipes(brokers, generator, { swipes: Number(swipes), rate: Number(rate ?? 0) || undefined })
} catch (error) {
  process.stderr.write(`could not produce to ${brokers}: ${(error as Error).message}\n`)
  process.exitCode = 1
}
