/** The Kafka options that sources and sinks share. */

import { fail, unsupported } from '../../bind/fail.js'
import type { Option, Span } from '../../syntax/tree.js'
import { Options } from './options.js'

const BROKERS = ['properties.bootstrap.server', 'properties.bootstrap.servers'] as const

export interface KafkaOptions {
  readonly brokers: string
  readonly topic: string
  readonly properties: Record<string, string>
  readonly options: Options
}

export function kafkaOptions(given: readonly Option[], more: readonly string[], what: string, at: Span): KafkaOptions {
  const options = new Options(given, ['connector', 'topic', ...BROKERS, ...more], what, 'properties.')
  const connector = options.get('connector')
  if (connector === undefined)
    fail('InvalidParameterValue', `a ${what} needs the option "connector"`, at, { hint: "The connector is 'kafka'." })
  if (connector.value.toLowerCase() !== 'kafka')
    unsupported(`connector "${connector.value}" is not supported`, connector.valueSpan, "The connector is 'kafka'.")
  const topic = options.get('topic')
  if (topic === undefined || topic.value === '')
    fail('InvalidParameterValue', `a ${what} needs the option "topic"`, topic?.valueSpan ?? at)
  const brokers = options.get(BROKERS[0]) ?? options.get(BROKERS[1])
  if (brokers === undefined || brokers.value.trim() === '') {
    fail(
      'InvalidParameterValue',
      `a ${what} needs the option "properties.bootstrap.server"`,
      brokers?.valueSpan ?? at,
      { hint: "For example properties.bootstrap.server = 'localhost:9092'." },
    )
  }
  if (options.get(BROKERS[0]) !== undefined && options.get(BROKERS[1]) !== undefined) {
    fail('InvalidParameterValue', `options "${BROKERS[0]}" and "${BROKERS[1]}" are the same: give one`, at)
  }
  return { brokers: brokers.value, topic: topic.value, properties: options.under('properties.', BROKERS), options }
}
