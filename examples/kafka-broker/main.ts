/** `node dist/examples/kafka-broker/main.js [--port N] [--dir PATH] [--topic NAME[:PARTITIONS]]…`: one broker until Ctrl-C. */

import { parseArgs } from 'node:util'
import { startBroker } from './broker.js'

const USAGE = `usage: node dist/examples/kafka-broker/main.js [--port N] [--dir PATH] [--topic NAME[:PARTITIONS]]...
Starts one Apache Kafka broker on 127.0.0.1, prints its address, and stops it on Ctrl-C or SIGTERM.
`

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      port: { type: 'string' },
      dir: { type: 'string' },
      topic: { type: 'string', multiple: true, default: [] },
      help: { type: 'boolean', default: false },
    },
  })
  if (values.help) {
    process.stdout.write(USAGE)
    return
  }
  const port = values.port === undefined ? undefined : Number(values.port)
  if (port !== undefined && !(Number.isInteger(port) && port > 0 && port < 65536)) {
    throw new Error(`--port takes a number from 1 to 65535, not "${values.port}"`)
  }
  const broker = await startBroker({
    report: (line) => process.stderr.write(`${line}\n`),
    ...(port === undefined ? {} : { port }),
    ...(values.dir === undefined ? {} : { dir: values.dir }),
  })
  for (const topic of values.topic) {
    const [name, partitions] = topic.split(':')
    await broker.createTopic(name ?? topic, Number(partitions ?? 1))
  }
  process.stdout.write(`${broker.brokers}\n`)
  const idle = setInterval(() => {}, 1 << 30)
  await new Promise<void>((resolve) => {
    process.once('SIGINT', () => resolve())
    process.once('SIGTERM', () => resolve())
  })
  clearInterval(idle)
  await broker.stop()
}

main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`)
  process.exitCode = 1
})
