/** A consumer: which rows it gives out, what it commits, where it goes. */
import { describe, expect, it } from 'vitest'
import { type ConsumerOptions, openConsumer } from '../../src/api/consumer.js'
import { runTransaction } from '../../src/api/transaction.js'
import { Session } from '../../src/engine/session.js'
import type { ConsumerNextResult } from '../../src/native/binding-types.js'
import { BatchWriter } from '../../src/native/column-writer.js'
import { MillraceError } from '../../src/native/errors.js'
import { NativeEngine } from '../../src/native/native.js'
import { catalogFrom } from '../plans/planner.js'
import { FakeConsumer, FakeEngine } from './fake-engine.js'

const CATALOG = catalogFrom('create stream s (a int, b text); create table t (a int primary key)')

function batch(partition: number, firstOffset: bigint, rows: [number, string][]): ConsumerNextResult {
  const columns = [
    { name: 'a', type: { type: 'integer' } },
    { name: 'b', type: { type: 'text' } },
    { name: 'epoch', type: { type: 'bigint' } },
    { name: 'time', type: { type: 'timestamptz' } },
  ] as const
  const writer = new BatchWriter(columns, rows.length)
  for (const [a, b] of rows) writer.add([a, b, 9n, new Date(1000)])
  const nextOffset = firstOffset + BigInt(rows.length)
  return { partition, firstOffset, nextOffset, skipped: 0n, ipc: writer.take() }
}

async function opened(answers: ConsumerNextResult[], options: Partial<ConsumerOptions> = {}) {
  const native = new FakeConsumer(answers)
  const engine = new FakeEngine(CATALOG.all(), native)
  const wrapped = new NativeEngine(engine)
  const all = { group: 'g', stream: 's', ...options }
  const consumer = await openConsumer(wrapped, CATALOG.find(all.stream)!, all)
  return { consumer, native, engine, wrapped }
}

async function failure(work: Promise<unknown>): Promise<MillraceError> {
  const error = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  )
  expect(error).toBeInstanceOf(MillraceError)
  return error as MillraceError
}

describe('a consumer', () => {
  it('asks for what it was told, and for bounded batches', async () => {
    const { consumer, native, engine } = await opened([{ assigned: [0] }, batch(0, 0n, [[1, 'x']])], {
      from: { timestamp: '1970-01-01 00:00:01+00' },
      columns: ['b'],
      batchRows: 10,
    })
    await consumer.next()
    expect(engine.commands[0]).toMatchObject({
      command: 'consumer_open',
      group: 'g',
      columns: [1],
      from: { at: 'timestamp', time: { op: 'literal', literal: { type: 'timestamptz', value: 1_000_000n } } },
    })
    expect(native.asked).toEqual([
      [10, 4 * 1024 * 1024],
      [10, 4 * 1024 * 1024],
    ])
    expect(consumer.partitions).toEqual([0])
    expect(consumer.fields.map((field) => field.name)).toEqual(['b'])
  })

  it('gives batches with places, and commits what it has given', async () => {
    const { consumer, engine } = await opened([
      { assigned: [0, 1] },
      batch(0, 5n, [
        [1, 'x'],
        [2, 'y'],
      ]),
      { ...batch(1, 90n, [[3, 'z']]), skipped: 40n },
    ])
    const first = (await consumer.next()).value!
    expect([...first]).toEqual([
      { a: 1, b: 'x' },
      { a: 2, b: 'y' },
    ])
    expect(first).toMatchObject({ partition: 0, firstOffset: 5n, nextOffset: 7n, skipped: 0n, rowCount: 2 })
    expect([...first.records()].map(({ offset, epoch, time }) => [offset, epoch, time.getTime()])).toEqual([
      [5n, 9n, 1000],
      [6n, 9n, 1000],
    ])
    await consumer.commit()
    const second = (await consumer.next()).value!
    expect(second.skipped).toBe(40n)
    await consumer.commit()
    await consumer.commit()
    const commits = engine.commands.slice(1)
    expect(commits.map((command) => command.offsets)).toEqual([
      [{ partition: 0, next_offset: 7n }],
      [{ partition: 1, next_offset: 91n }],
    ])
    expect(commits[0]).toMatchObject({ command: 'consumer_commit', group: 'g', member: 5n, transaction: null })
  })

  it('does not commit what another member has taken over, nor what a seek left', async () => {
    const { consumer, native, engine } = await opened([
      batch(0, 0n, [[1, 'x']]),
      batch(1, 0n, [[2, 'y']]),
      { assigned: [1] },
      batch(1, 1n, [[3, 'z']]),
    ])
    for (let n = 0; n < 3; n++) await consumer.next()
    await consumer.commit()
    expect(engine.commands.at(-1)).toMatchObject({ offsets: [{ partition: 1, next_offset: 2n }] })
    native.answers.push(batch(1, 2n, [[4, 'w']]))
    await consumer.next()
    await consumer.seek({ offset: 0 }, { partition: 1 })
    expect(native.seeks).toEqual([{ partition: 1, to: { at: 'offset', offset: 0n } }])
    const before = engine.commands.length
    await consumer.commit()
    expect(engine.commands.length).toBe(before)
  })

  it('commits within a transaction, again when that runs again', async () => {
    const { consumer, engine, wrapped } = await opened([batch(0, 0n, [[1, 'x']])])
    const session = new Session(wrapped)
    await consumer.next()
    engine.errors.set('commit', { code: '40001', message: 'lost' })
    await runTransaction(session, (tx) => consumer.commit({ transaction: tx }), { retries: 1 })
    expect(engine.seen.slice(1)).toEqual([
      'begin',
      'consumer_commit 1',
      'commit 1',
      'begin',
      'consumer_commit 2',
      'commit 2',
    ])
    engine.errors.set('consumer_commit', { code: '55000', message: 'partition 0 is read by another member' })
    const error = await failure(runTransaction(session, (tx) => consumer.commit({ transaction: tx })))
    expect(error).toMatchObject({ code: '55000' })
    expect(engine.seen.at(-1)).toBe('rollback 3')
  })

  it('ends a pull that waits when it is closed, and at a signal', async () => {
    const { consumer, native } = await opened([])
    const waiting = consumer.next()
    consumer.close()
    expect(await waiting).toEqual({ done: true, value: undefined })
    expect(native.closed).toBe(true)
    expect(await failure(consumer.commit())).toMatchObject({ code: '57P01' })
    const stop = new AbortController()
    const other = await opened([], { signal: stop.signal })
    const pull = other.consumer.next()
    stop.abort()
    expect(await failure(pull)).toMatchObject({ code: '57014' })
    expect(other.native.closed).toBe(true)
  })

  it('is closed by leaving the loop and by an error', async () => {
    const { consumer, native } = await opened([batch(0, 0n, [[1, 'x']])])
    for await (const { rowCount } of consumer) {
      expect(rowCount).toBe(1)
      break
    }
    expect(native.closed).toBe(true)
    const broken = await opened([{ error: { code: 'XX001', message: 'damaged' } }])
    expect(await failure(broken.consumer.next())).toMatchObject({ code: 'XX001' })
    expect(broken.native.closed).toBe(true)
  })

  it.each<[Partial<ConsumerOptions>, string]>([
    [{ stream: 't' }, '42809'],
    [{ columns: ['c'] }, '42703'],
    [{ batchRows: 0 }, '22023'],
    [{ batchBytes: 1e12 }, '22023'],
    [{ from: { offset: -1 } }, '22023'],
    [{ from: { offset: 1.5 } }, '22023'],
    [{ from: { timestamp: 'noon-ish' } }, '22007'],
    [{ from: { timestamp: new Date(Number.NaN) } }, '22008'],
    [{ from: 'somewhere' as 'latest' }, '22023'],
  ])('refuses %o', async (options, code) => {
    expect(await failure(opened([], options))).toMatchObject({ code })
  })
})
