import { execFileSync } from 'node:child_process'
import { expect, it } from 'vitest'
import { latest, produce, readTopic, startBroker } from '../harness/kafka/index.js'
it('harness', async () => {
  let t = Date.now()
  const broker = await startBroker()
  console.log('start', Date.now() - t)
  try {
    await broker.createTopic('a', 3)
    await produce(broker.brokers, 'a', Array.from({ length: 20000 }, (_, n) => ({ key: `k${n % 100}`, value: `${n}` })))
    const all = await readTopic(broker.brokers, 'a')
    expect(all.length).toBe(20000)
    expect(latest(all).size).toBe(100)
    t = Date.now()
    await broker.kill9(); await broker.restart()
    console.log('restart', Date.now() - t)
    expect((await readTopic(broker.brokers, 'a')).length).toBe(20000)
    await broker.createTopic('rate', 4)
    console.log(execFileSync(process.env.HOME + '/.cache/millrace/target/release/examples/read_rate', [broker.brokers, 'rate', '2000000'], { encoding: 'utf8' }))
  } finally {
    t = Date.now()
    await broker.stop()
    console.log('stop', Date.now() - t)
  }
}, 180000)
