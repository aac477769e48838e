/** Transactions as statements and as functions: what reaches the engine, and what never does. */
import { describe, expect, it } from 'vitest'
import { runTransaction } from '../../src/api/transaction.js'
import { Session } from '../../src/engine/session.js'
import { MillraceError } from '../../src/native/errors.js'
import { NativeEngine } from '../../src/native/native.js'
import { catalogFrom } from '../plans/planner.js'
import { FakeEngine } from './fake-engine.js'

const DEFINITIONS = catalogFrom('create table t (a int primary key, b int); create stream s (a int)').all()

function started(): { engine: FakeEngine; session: Session } {
  const engine = new FakeEngine(DEFINITIONS)
  return { engine, session: new Session(new NativeEngine(engine)) }
}

async function failure(work: Promise<unknown>): Promise<MillraceError> {
  const error = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  )
  expect(error).toBeInstanceOf(MillraceError)
  return error as MillraceError
}

const INSERT = 'INSERT INTO t VALUES (1, 2)'
const CONFLICT = { code: '40001', message: 'could not serialize access due to concurrent update' }

describe('as statements', () => {
  it('carry the number from BEGIN to COMMIT', async () => {
    const { engine, session } = started()
    const tags = []
    const script = `${INSERT}; BEGIN; ${INSERT}; UPDATE t SET b = 3; DELETE FROM t; TRUNCATE s; COMMIT; ${INSERT}`
    for await (const outcome of session.script(script)) tags.push(outcome.tag)
    expect(tags).toEqual([
      'INSERT 0 1',
      'BEGIN',
      'INSERT 0 1',
      'UPDATE 1',
      'DELETE 1',
      'TRUNCATE TABLE',
      'COMMIT',
      'INSERT 0 1',
    ])
    expect(engine.seen).toEqual([
      'insert',
      'begin',
      'insert 1',
      'update 1',
      'delete 1',
      'truncate 1',
      'commit 1',
      'insert',
    ])
  })

  it('need no waiting between them', async () => {
    const { engine, session } = started()
    let open = () => {}
    engine.gates.set('insert', new Promise<void>((resolve) => (open = resolve)))
    const all = ['BEGIN', INSERT, INSERT, 'COMMIT', INSERT].map((text) => session.run(text))
    await all[0]
    await Promise.resolve()
    expect(engine.seen.includes('commit 1'), 'COMMIT waits for what it commits').toBe(false)
    open()
    await Promise.all(all)
    expect(engine.seen).toEqual(['begin', 'insert 1', 'insert 1', 'commit 1', 'insert'])
  })

  it('warn as PostgreSQL does', async () => {
    const { engine, session } = started()
    expect(await session.run('COMMIT')).toMatchObject({
      tag: 'COMMIT',
      warnings: ['there is no transaction in progress'],
    })
    expect(await session.run('ROLLBACK')).toMatchObject({ tag: 'ROLLBACK', warnings: [expect.anything()] })
    expect(await session.run('START TRANSACTION')).toMatchObject({ tag: 'START TRANSACTION' })
    expect(await session.run('BEGIN')).toMatchObject({ warnings: ['there is already a transaction in progress'] })
    expect(session.transactionStatus).toBe('active')
    expect(await session.run('ABORT')).toMatchObject({ tag: 'ROLLBACK' })
    expect(engine.seen).toEqual(['begin', 'rollback 1'])
  })

  it.each([
    ['of the engine', INSERT],
    ['of a name', 'SELECT nope FROM t'],
    ['of syntax', 'SELEC 1'],
    ['of what a transaction cannot hold', 'CREATE TABLE u (a int primary key)'],
  ])('an error %s ends all but the end', async (_, wrong) => {
    const { engine, session } = started()
    await session.run('BEGIN')
    engine.errors.set('insert', { code: '23505', message: 'duplicate key' })
    await failure(session.run(wrong))
    expect(session.transactionStatus).toBe('failed')
    for (const text of ['SELECT 1', INSERT, 'BEGIN', 'SHOW TABLES']) {
      expect(await failure(session.run(text))).toMatchObject({ code: '25P02' })
    }
    expect(await session.run('COMMIT')).toMatchObject({ tag: 'ROLLBACK' })
    expect(session.transactionStatus).toBe('idle')
    expect(engine.seen.filter((seen) => !seen.startsWith('insert'))).toEqual(['begin', 'rollback 1'])
  })

  it.each([
    ['CREATE TABLE u (a int primary key)', 'CREATE TABLE'],
    ['DROP TABLE t', 'DROP TABLE'],
    ["ALTER STREAM s SET (retention = '1 day')", 'ALTER STREAM'],
    ["BACKUP TO '/b'", 'BACKUP'],
    ['ALTER CONSUMER GROUP g ON s SEEK TO END', 'ALTER CONSUMER GROUP'],
  ])('cannot hold %s', async (text, tag) => {
    const { session } = started()
    await session.run('BEGIN')
    const error = await failure(session.run(text))
    expect(error).toMatchObject({ code: '25001', message: `${tag} cannot run inside a transaction block` })
  })

  it('that are read only refuse writes before the engine sees them', async () => {
    const { engine, session } = started()
    for (const [text, verb] of [
      [INSERT, 'INSERT'],
      ['TRUNCATE t', 'TRUNCATE TABLE'],
    ] as const) {
      await session.run('BEGIN READ ONLY')
      const error = await failure(session.run(text))
      expect(error).toMatchObject({ code: '25006', message: `cannot execute ${verb} in a read-only transaction` })
      await session.run('ROLLBACK')
    }
    expect(engine.commands[0]).toMatchObject({ command: 'begin', read_only: true })
    expect(engine.seen.some((seen) => seen.startsWith('insert'))).toBe(false)
  })

  it('end when COMMIT fails', async () => {
    const { engine, session } = started()
    await session.run('BEGIN')
    engine.errors.set('commit', CONFLICT)
    expect(await failure(session.run('COMMIT'))).toMatchObject({ code: '40001' })
    expect(session.transactionStatus).toBe('idle')
  })

  it('are refused where the addon has none', async () => {
    const { engine, session } = started()
    Object.assign(engine, { begin: undefined })
    expect(await failure(session.run('BEGIN'))).toMatchObject({ code: '0A000' })
    expect(session.transactionStatus).toBe('idle')
  })
})

describe('as functions', () => {
  it('commit when the function returns, beside the statements around them', async () => {
    const { engine, session } = started()
    const value = await runTransaction(session, async (tx) => {
      await tx.query(INSERT)
      await session.run(INSERT)
      await tx.execute(`${INSERT}; ${INSERT}`)
      return 42
    })
    expect(value).toBe(42)
    expect(engine.seen).toEqual(['begin', 'insert 1', 'insert', 'insert 1', 'insert 1', 'commit 1'])
  })

  it('roll back when it throws, and throw the same', async () => {
    const { engine, session } = started()
    const thrown = new Error('mine')
    const work = runTransaction(session, async (tx) => {
      await tx.query(INSERT)
      throw thrown
    })
    await expect(work).rejects.toBe(thrown)
    expect(engine.seen).toEqual(['begin', 'insert 1', 'rollback 1'])
  })

  it('cannot go on after an error that the function swallowed', async () => {
    const { engine, session } = started()
    engine.errors.set('insert', { code: '23505', message: 'duplicate key' })
    const error = await failure(
      runTransaction(session, async (tx) => {
        await tx.query(INSERT).catch(() => undefined)
      }),
    )
    expect(error).toMatchObject({ code: '25P02', detail: 'It failed with: duplicate key.' })
    expect(engine.seen).toEqual(['begin', 'insert 1', 'rollback 1'])
  })

  it('wait for statements that the function did not', async () => {
    const { engine, session } = started()
    await runTransaction(session, (tx) => {
      void tx.query(INSERT)
    })
    expect(engine.seen).toEqual(['begin', 'insert 1', 'commit 1'])
  })

  it('end with the function and by nothing else', async () => {
    const { session } = started()
    let kept: { query(text: string): Promise<unknown> } | undefined
    const error = await failure(
      runTransaction(session, async (tx) => {
        kept = tx
        await tx.query('COMMIT')
      }),
    )
    expect(error).toMatchObject({ code: '2D000' })
    expect(await failure(kept!.query('SELECT 1'))).toMatchObject({ code: '57P01' })
  })

  it('are run again when another was first, as often as they may', async () => {
    const { engine, session } = started()
    let runs = 0
    const again = (retries?: number) =>
      runTransaction(
        session,
        async (tx) => {
          runs += 1
          if (runs < 3) engine.errors.set('commit', CONFLICT)
          await tx.query(INSERT)
        },
        retries === undefined ? {} : { retries },
      )
    await again(2)
    expect(runs).toBe(3)
    expect(engine.seen.filter((seen) => seen.startsWith('commit'))).toEqual(['commit 1', 'commit 2', 'commit 3'])
    runs = 0
    expect(await failure(again())).toMatchObject({ code: '40001', hint: expect.stringContaining('retries') })
    expect(runs).toBe(1)
    expect(await failure(again(-1))).toMatchObject({ code: '22023' })
  })

  it('are run again when a statement in them lost, even if that was swallowed', async () => {
    const { engine, session } = started()
    let runs = 0
    await runTransaction(
      session,
      async (tx) => {
        runs += 1
        if (runs === 1) engine.errors.set('insert', CONFLICT)
        await tx.query(INSERT).catch(() => undefined)
      },
      { retries: 1 },
    )
    expect(engine.seen).toEqual(['begin', 'insert 1', 'rollback 1', 'begin', 'insert 2', 'commit 2'])
  })

  it('stop at a signal', async () => {
    const { engine, session } = started()
    const stop = new AbortController()
    const work = runTransaction(session, () => stop.abort('enough'), { signal: stop.signal })
    expect(await failure(work)).toMatchObject({ code: '57014' })
    expect(engine.seen).toEqual(['begin', 'rollback 1'])
  })
})
