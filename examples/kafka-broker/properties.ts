/** The settings of the one-node broker: loopback only, small internal topics, topics made only on request. */

import { randomBytes } from 'node:crypto'

export interface Place {
  port: number
  controllerPort: number
  data: string
}

export function serverProperties(place: Place): string {
  const settings: Record<string, string | number | boolean> = {
    'process.roles': 'broker,controller',
    'node.id': 1,
    'controller.quorum.voters': `1@127.0.0.1:${place.controllerPort}`,
    listeners: `PLAINTEXT://127.0.0.1:${place.port},CONTROLLER://127.0.0.1:${place.controllerPort}`,
    'advertised.listeners': `PLAINTEXT://127.0.0.1:${place.port}`,
    'controller.listener.names': 'CONTROLLER',
    'inter.broker.listener.name': 'PLAINTEXT',
    'listener.security.protocol.map': 'PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT',
    'log.dirs': place.data,
    'num.partitions': 1,
    'auto.create.topics.enable': false,
    'offsets.topic.num.partitions': 4,
    'offsets.topic.replication.factor': 1,
    'transaction.state.log.num.partitions': 4,
    'transaction.state.log.replication.factor': 1,
    'transaction.state.log.min.isr': 1,
    'share.coordinator.state.topic.num.partitions': 1,
    'share.coordinator.state.topic.replication.factor': 1,
    'share.coordinator.state.topic.min.isr': 1,
    'default.replication.factor': 1,
    // After a kill the controller waits this long for the old process before it takes the new one.
    'broker.session.timeout.ms': 2000,
    'broker.heartbeat.interval.ms': 500,
    'min.insync.replicas': 1,
    'group.initial.rebalance.delay.ms': 0,
    'log.retention.hours': 24,
    'log.segment.bytes': 256 << 20,
    'message.max.bytes': 16 << 20,
  }
  return Object.entries(settings)
    .map(([name, value]) => `${name}=${value}\n`)
    .join('')
}

export function log4jConfig(): string {
  return `<Configuration status="WARN">
  <Appenders>
    <Console name="out" target="SYSTEM_OUT"><PatternLayout pattern="%d %p %c{1} %m%n"/></Console>
  </Appenders>
  <Loggers><Root level="\${sys:kafka.level:-INFO}"><AppenderRef ref="out"/></Root></Loggers>
</Configuration>
`
}

/** 16 random bytes in Kafka's base64; it must not begin with a dash, or the tool reads it as an option. */
export function clusterId(): string {
  return randomBytes(16).toString('base64url').replace(/^-/, 'A')
}
