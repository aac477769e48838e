/** Writes the training set: for each swipe its features and its label as 32-bit floats, row after row, to a file.
 *  `node dist/examples/fraud/model/export.js <file> [swipes] [seed]`; train.py reads it. */
import { open } from 'node:fs/promises'
import { SwipeGenerator } from '../generate.js'
import { FEATURES, factsOf, featuresOf } from '../oracle.js'

const [path, swipes = '1000000', seed = '2024'] = process.argv.slice(2)
if (path === undefined) {
  process.stderr.write('usage: export <file> [swipes] [seed]\n')
  process.exit(2)
}
const generator = new SwipeGenerator({ seed: Number(seed), cards: 20_000 })
const facts = factsOf([generator.next(Number(swipes))], generator.past(), generator.cards)
const width = FEATURES.length + 1
const matrix = new Float32Array(facts.length * width)
for (const [row, fact] of facts.entries()) {
  matrix.set(featuresOf(fact), row * width)
  matrix[row * width + width - 1] = fact.label === 0 ? 0 : 1
}
const file = await open(path, 'w')
await file.writeFile(new Uint8Array(matrix.buffer))
await file.close()
process.stdout.write(`${facts.length} rows of ${FEATURES.length} features and a label\n`)
