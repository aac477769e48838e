/** The session's parts that need no engine: order of DDL, the statement cache, a subscription's pull, the addon's loading. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { Subscription } from '../../src/api/subscription.js'
import { StatementCache } from '../../src/engine/statement-cache.js'
import { Lane, Turnstile } from '../../src/engine/turnstile.js'
import { BatchWriter } from '../../src/native/column-writer.js'
import { MillraceError } from '../../src/native/errors.js'
import { type Delivery, loadBinding, NativeSubscription, packageRoot } from '../../src/native/native.js'
import { root } from '../tidy/sources.js'

const tick = () => new Promise((resolve) => setImmediate(resolve))

describe('turnstile', () => {
  it('holds back what comes after DDL, in order, and lets the rest run side by side', async () => {
    const turnstile = new Turnstile()
    const lane = new Lane()
    const log: string[] = []
    const release: (() => void)[] = []
    const ddl = (name: string) =>
      turnstile.enter(lane, () => {
        log.push(`${name} begins`)
        const work = new Promise<void>((resolve) => release.push(resolve)).then(() => void log.push(`${name} ends`))
        return { exclusive: 'all', work }
      })
    const read = (name: string) =>
      turnstile.enter(lane, () => {
        log.push(name)
        return { exclusive: 'none', work: Promise.resolve() }
      })
    const all = [read('a'), ddl('one'), read('b'), ddl('two'), read('c')]
    await tick()
    expect(log).toEqual(['a', 'one begins'])
    release[0]!()
    await tick()
    expect(log).toEqual(['a', 'one begins', 'one ends', 'b', 'two begins'])
    release[1]!()
    await Promise.all(all)
    expect(log.slice(5)).toEqual(['two ends', 'c'])
  })
  it('holds back one lane only where a COMMIT is waited for', async () => {
    const turnstile = new Turnstile()
    const [mine, other] = [new Lane(), new Lane()]
    const release: (() => void)[] = []
    const committed = new Promise<void>((resolve) => release.push(resolve))
    const log: string[] = []
    const run = (lane: Lane, name: string) =>
      turnstile.enter(lane, () => ({ exclusive: 'none', work: Promise.resolve(void log.push(name)) }))
    const commit = turnstile.enter(mine, () => ({ exclusive: 'lane', work: committed }))
    const after = run(mine, 'mine')
    await run(other, 'other')
    expect(log).toEqual(['other'])
    release[0]!()
    await Promise.all([commit, after, turnstile.passed()])
    expect(log).toEqual(['other', 'mine'])
  })
  it('goes on when a statement fails, before or while it runs', async () => {
    const turnstile = new Turnstile()
    const lane = new Lane()
    const thrown = turnstile.enter(lane, () => {
      throw new Error('no')
    })
    const rejected = turnstile.enter(lane, () => ({ exclusive: 'all', work: Promise.reject(new Error('nor this')) }))
    const fine = turnstile.enter(lane, () => ({ exclusive: 'none', work: Promise.resolve(1) }))
    await expect(thrown).rejects.toThrow('no')
    await expect(rejected).rejects.toThrow('nor this')
    expect(await fine).toBe(1)
  })
})

it('the statement cache is bounded and forgets the oldest first', () => {
  const cache = new StatementCache<number>()
  for (let i = 0; i < 256; i++) cache.set(`s${i}`, i)
  expect(cache.get('s0')).toBe(0)
  cache.set('new', 1)
  expect([cache.size, cache.get('s0'), cache.get('s1')]).toEqual([256, 0, undefined])
  cache.set('x'.repeat(20_000), 1)
  expect(cache.get('x'.repeat(20_000))).toBeUndefined()
})

describe('a subscription', () => {
  const fields = [{ name: 'a', data_type: { type: 'integer' }, nullable: true }] as const
  function source() {
    const pulls: ((delivery: Delivery | undefined) => void)[] = []
    let closed = 0
    const native = new NativeSubscription({
      next: () =>
        new Promise((resolve) => pulls.push((delivery) => resolve(delivery === undefined ? { done: true } : delivery))),
      close: () => {
        closed++
      },
    })
    return { native, pulls, closed: () => closed }
  }
  function delivery(epoch: bigint, rows: readonly (readonly [number, bigint])[]): Delivery {
    const columns = [
      { name: 'a', type: { type: 'integer' } },
      { name: 'weight', type: { type: 'bigint' } },
    ] as const
    const writer = new BatchWriter(columns, rows.length)
    for (const row of rows) writer.add(row)
    return { epoch, ipc: writer.take() }
  }

  it('pulls only when asked, one at a time, in order', async () => {
    const { native, pulls, closed } = source()
    const subscription = new Subscription(native, fields)
    await tick()
    expect(pulls).toHaveLength(0)
    const both = [subscription.next(), subscription.next()]
    await tick()
    expect(pulls).toHaveLength(1)
    pulls[0]!(delivery(1n, [[7, -1n]]))
    expect((await both[0])!.value).toEqual({ epoch: 1n, changes: [{ weight: -1n, row: { a: 7 } }] })
    await tick()
    pulls[1]!(delivery(3n, [[8, 2n]]))
    expect((await both[1])!.value!.epoch).toBe(3n)
    const last = subscription.next()
    await tick()
    pulls[2]!(undefined)
    expect(await last).toEqual({ done: true, value: undefined })
    expect(closed()).toBe(1)
  })
  it('is freed by return, by the signal and by leaving a loop, though a pull never ends', async () => {
    const one = source()
    const subscription = new Subscription(one.native, fields)
    const waiting = subscription.next()
    await tick()
    await subscription.return()
    expect(await waiting).toEqual({ done: true, value: undefined })
    expect(one.closed()).toBe(1)

    const two = source()
    const controller = new AbortController()
    const aborted = new Subscription(two.native, fields, { signal: controller.signal })
    const rejected = aborted.next()
    await tick()
    controller.abort()
    await expect(rejected).rejects.toMatchObject({ code: '57014' })
    expect(two.closed()).toBe(1)

    const three = source()
    let closes = 0
    const looped = new Subscription(three.native, fields, { onClose: () => closes++ })
    setImmediate(() => three.pulls[0]!(delivery(1n, [[1, 1n]])))
    for await (const { changes } of looped) {
      expect(changes).toHaveLength(1)
      break
    }
    expect([three.closed(), closes]).toEqual([1, 1])
  })
})

describe('the addon', () => {
  it('is looked for at the root of the package', () => {
    expect(packageRoot(join(root, 'src', 'native'))).toBe(root)
    expect(() => packageRoot(tmpdir())).toThrow(MillraceError)
  })
  it('that is missing is a clear error', () => {
    const folder = mkdtempSync(join(tmpdir(), 'millrace-addon-'))
    try {
      loadBinding(folder)
      expect.unreachable()
    } catch (error) {
      expect(error).toMatchObject({ code: '58P01', message: 'the native module of millrace is not built' })
      expect((error as MillraceError).hint).toContain('npm run build')
    } finally {
      rmSync(folder, { recursive: true })
    }
  })
})
