/** tmp */
import { it } from 'vitest'
import { readFileSync } from 'node:fs'
import * as syntax from '../../sql/syntax/parser.js'
import { parseScript } from '../../sql/syntax/script.js'
import { startBroker } from '../harness/kafka/index.js'
import { SwipeGenerator } from '../../examples/fraud/generate.js'
import { makeTopics, produceSwipes, AlertReader } from '../../examples/fraud/topics.js'
it('parses', () => {
  for (const f of ['tables', 'source.embedded', 'source.kafka', 'pipeline', 'sink.kafka']) {
    try { const s = parseScript(readFileSync(`examples/fraud/sql/${f}.sql`, 'utf8')) as any
    console.log(f, s.statements?.length ?? s.length) } catch (e) { console.log(f, e) }
  }
  void syntax
})
it('produces', async () => {
  const b = await startBroker({ report: console.log })
  try {
    await makeTopics(b.brokers)
    const t = performance.now()
    await produceSwipes(b.brokers, new SwipeGenerator({ seed: 1, cards: 20000 }), { swipes: 400000 })
    console.log('produced/s', 400000 / (performance.now() - t) * 1000)
    const r = await AlertReader.start(b.brokers); await r.close()
    await makeTopics(b.brokers).catch((e) => console.log(e.message))
  } finally { await b.stop() }
}, 200000)
