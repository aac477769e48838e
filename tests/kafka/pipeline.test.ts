/** Source → view → sink through a real broker: every type, poison messages, updates, and a restart. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { open } from '../../src/index.js'
import { type Broker, eventually, latest, produce, readTopic, startBroker } from '../harness/kafka/index.js'
import { count, deadLettersOf, sinkSql, source, sourceSql } from './database.js'

let broker: Broker
let folder = ''

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'millrace-kafka-test-'))
  broker = await startBroker()
})
afterAll(async () => {
  await broker?.stop()
  rmSync(folder, { recursive: true, force: true })
})

const event = (id: number, grp = `g${id % 3}`) => ({
  value: JSON.stringify({ id, grp, amount: id / 100, at: new Date(1_772_366_400_000 + id).toISOString() }),
})

describe('a source', () => {
  it('gives rows of every type, exactly', async () => {
    await broker.createTopic('every_type')
    await produce(broker.brokers, 'every_type', [
      {
        value:
          '{"b":true,"s":-32768,"i":2147483647,"l":9007199254740993,"d":0.1,"n":12345678901234567890.12,"t":"Zürich ☕",' +
          '"x":"\\\\x00ff","day":"2026-03-01","clock":"12:34:56.789","ts":"2026-03-01T12:00:00.000001","tz":"2026-03-01T14:00:00+02:00"}',
      },
      { value: '{"other":1,"tz":1772366400000}' },
    ])
    const db = await open()
    try {
      await db.execute(`CREATE SOURCE every_type (b BOOLEAN, s SMALLINT, i INTEGER, l BIGINT, d DOUBLE PRECISION, n NUMERIC(30,2),
        t TEXT, x BYTEA, day DATE, clock TIME, ts TIMESTAMP, tz TIMESTAMPTZ)
        WITH (connector = 'kafka', topic = 'every_type', properties.bootstrap.server = '${broker.brokers}',
              scan.startup.mode = 'earliest') FORMAT PLAIN ENCODE JSON`)
      await eventually(
        () => count(db, 'every_type'),
        (n) => n === 2,
      )
      const columns = ['b', 's', 'i', 'l', 'd', 'n', 't', 'x', 'day', 'clock', 'ts', 'tz']
      const { rows } = await db.query(
        `SELECT ${columns.map((c) => `CAST(${c} AS TEXT) AS ${c}`).join(', ')} FROM every_type ORDER BY l NULLS LAST`,
      )
      expect(rows).toEqual([
        {
          b: 'true',
          s: '-32768',
          i: '2147483647',
          l: '9007199254740993',
          d: '0.1',
          n: '12345678901234567890.12',
          t: 'Zürich ☕',
          x: '\\x00ff',
          day: '2026-03-01',
          clock: '12:34:56.789',
          ts: '2026-03-01 12:00:00.000001',
          tz: '2026-03-01 12:00:00+00',
        },
        { ...Object.fromEntries(columns.map((c) => [c, null])), tz: '2026-03-01 12:00:00+00' },
      ])
    } finally {
      await db.close()
    }
  })

  it('puts poison messages into the dead letters, counts them, and goes on', async () => {
    await broker.createTopic('poisoned')
    await produce(broker.brokers, 'poisoned', [
      event(1),
      { value: 'not json', key: 'k' },
      { value: '{"id":"one"}' },
      { value: '{"grp":"no id"}' },
      { value: null, key: 'gone' },
      { value: Buffer.from([0xff, 0x00]) },
      { value: '{"id":7} {"id":8}' },
      event(2),
    ])
    const db = await open()
    try {
      await db.execute(sourceSql(broker.brokers, 'poisoned'))
      const letters = deadLettersOf(db, 'poisoned')
      await eventually(
        () => count(db, letters),
        (n) => n === 6,
      )
      await eventually(
        () => count(db, 'poisoned'),
        (n) => n === 2,
      )
      const { rows } = await db.query<{ source_offset: bigint; key: string; reason: string }>(
        `SELECT source_partition, source_offset, CAST(key AS TEXT) AS key, CAST(value AS TEXT) AS value, reason FROM ${letters} ORDER BY source_offset`,
      )
      expect(rows.map((row) => Number(row.source_offset))).toEqual([1, 2, 3, 4, 5, 6])
      expect(rows[0]).toMatchObject({ key: '\\x6b', value: '\\x6e6f74206a736f6e' })
      for (const [index, reason] of [
        [0, /expected/],
        [1, /expected bigint for column "id"/],
        [2, /column "id" is missing/],
        [3, /tombstone/],
        [5, /trailing/],
      ] as const) {
        expect(rows[index]?.reason).toMatch(reason)
      }
      await eventually(
        () => source(db, 'poisoned'),
        (stats) => stats.rows === 2 && stats.dead_letters === 6 && stats.lag === 0,
      )
    } finally {
      await db.close()
    }
  })

  it('refuses properties that the client does not know', async () => {
    const db = await open()
    try {
      await expect(
        db.execute(sourceSql(broker.brokers, 'x', ", properties.fetch.min.bites = '1'")),
      ).rejects.toMatchObject({
        code: '22023',
        message: expect.stringContaining('fetch.min.bites'),
      })
      expect(db.catalog()).toEqual([])
    } finally {
      await db.close()
    }
  })
})

describe('source, view and sink', () => {
  it('keep the sum of each group in an upsert topic, and go on after a restart where they stopped', async () => {
    await broker.createTopic('events', 3)
    await broker.createTopic('sums')
    const path = join(folder, 'restart')
    await produce(
      broker.brokers,
      'events',
      Array.from({ length: 300 }, (_, id) => event(id)),
    )
    const first = await open(path)
    await first.execute(sourceSql(broker.brokers, 'events'))
    await first.execute(
      'CREATE MATERIALIZED VIEW totals AS SELECT grp, count(*) AS n, sum(amount) AS total FROM events GROUP BY grp',
    )
    await first.execute(sinkSql(broker.brokers, 'sums', 'totals', 'grp'))
    await eventually(
      () => count(first, 'events'),
      (n) => n === 300,
    )
    await first.close()

    await produce(
      broker.brokers,
      'events',
      Array.from({ length: 300 }, (_, n) => event(300 + n)),
    )
    const second = await open(path)
    try {
      await eventually(
        () => count(second, 'events'),
        (n) => n === 600,
      )
      const ids = await second.query<{ n: bigint; d: bigint }>(
        'SELECT count(*) AS n, sum(d) AS d FROM (SELECT id, count(*) AS d FROM events GROUP BY id) g',
      )
      expect(ids.rows).toEqual([{ n: 600n, d: expect.anything() }])
      const want = new Map(
        [0, 1, 2].map((g) => {
          const total = Array.from({ length: 200 }, (_, n) => 3 * n + g).reduce((sum, id) => sum + id, 0)
          return [`{"grp":"g${g}"}`, `{"grp":"g${g}","n":200,"total":${(total / 100).toFixed(2)}}`]
        }),
      )
      const messages = await eventually(
        () => readTopic(broker.brokers, 'sums'),
        (found) => JSON.stringify([...latest(found)].sort()) === JSON.stringify([...want].sort()),
      )
      expect(messages.every((message) => message.value !== null)).toBe(true)
    } finally {
      await second.close()
    }
  })

  it('takes back with a tombstone what a view no longer holds', async () => {
    await broker.createTopic('live')
    const db = await open()
    try {
      await db.execute('CREATE TABLE t (id BIGINT PRIMARY KEY, v TEXT)')
      await db.execute("CREATE MATERIALIZED VIEW shown AS SELECT id, v FROM t WHERE v <> 'hidden'")
      await db.execute(sinkSql(broker.brokers, 'live', 'shown', 'id'))
      await db.query("INSERT INTO t VALUES (1, 'a'), (2, 'b'), (3, 'hidden')")
      await eventually(
        () => readTopic(broker.brokers, 'live'),
        (found) => latest(found).size === 2,
      )
      await db.query("UPDATE t SET v = 'c' WHERE id = 1")
      await db.query('DELETE FROM t WHERE id = 2')
      const messages = await eventually(
        () => readTopic(broker.brokers, 'live'),
        (found) => found.length >= 4,
      )
      expect(latest(messages)).toEqual(new Map([['{"id":1}', '{"id":1,"v":"c"}']]))
      expect(messages.filter((message) => message.value === null).map((message) => message.key)).toEqual(['{"id":2}'])
    } finally {
      await db.close()
    }
  })
})
