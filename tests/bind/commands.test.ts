/** Statements that are no queries as the commands that they become. */
import { describe, expect, test } from 'vitest'
import { INSPECTION_FIELDS, PLAN_VERSION } from '../../sql/contract/plan.generated.js'
import { type Compiled, printOption } from '../../sql/index.js'
import { catalogFrom, compileText, explainText, SCHEMA } from '../plans/planner.js'

const idOf = (name: string) => SCHEMA.find(name)!.id

function command(sql: string): Record<string, unknown> {
  const compiled = compileText(sql)
  if (!('command' in compiled)) throw new Error(`no command: ${sql}`)
  return compiled.command as unknown as Record<string, unknown>
}

describe('ON CONFLICT', () => {
  const insert = 'insert into t1 (a, b) values (1, 2) on conflict'

  test('nothing, and the action that is said', () => {
    expect(command('insert into t1 (a) values (1)').on_conflict).toEqual({ action: 'error' })
    expect(command(`${insert} do nothing`).on_conflict).toEqual({ action: 'do_nothing' })
    expect(command(`${insert} (a) do nothing`).on_conflict).toEqual({ action: 'do_nothing' })
    expect(command('insert into swipes (swipe_id) values (1) on conflict do nothing').on_conflict).toEqual({
      action: 'do_nothing',
    })
  })

  test('expressions are over the old row, then the new one', () => {
    expect(
      command(`${insert} (a) do update set b = t1.b + excluded.b, c = default where excluded.d`).on_conflict,
    ).toEqual({
      action: 'update',
      assignments: [
        {
          column: 1,
          value: {
            op: 'binary',
            operator: 'add',
            left: { op: 'column', index: 1 },
            right: { op: 'column', index: 7 },
            data_type: { type: 'integer' },
          },
        },
        { column: 2, value: { op: 'literal', literal: { type: 'null', data_type: { type: 'text' } } } },
      ],
      predicate: { op: 'column', index: 9 },
    })
  })

  test('EXPLAIN shows it', () => {
    expect(explainText(`${insert} (a) do update set b = t1.b + excluded.b where t1.b > 0`)[0]).toBe(
      'insert into t1 on conflict do update set b = b + excluded.b where b > 0',
    )
  })
})

describe('AS OF', () => {
  const scans = (sql: string) =>
    explainText(sql)
      .filter((line) => line.includes('scan'))
      .map((line) => line.trim())

  test.each<[string, string[]]>([
    ['select a from t1 as of epoch 42', ['scan t1 [a:integer] as of epoch 42']],
    [
      'select t1.a from t1, t2 as of epoch 42',
      ['scan t1 [a:integer] as of epoch 42', 'scan t2 [a:integer] as of epoch 42'],
    ],
    ['select t1.a from t1, t2 as of epoch 42 x', ['scan t1 [a:integer]', 'scan t2 [a:integer] as of epoch 42']],
    [
      'select t1.a from t1 as of epoch 3, t2 as of epoch 42',
      ['scan t1 [a:integer] as of epoch 3', 'scan t2 [a:integer] as of epoch 42'],
    ],
    ['select a from (select a from t1) x as of epoch 42', ['scan t1 [a:integer] as of epoch 42']],
    ['select swipe_id from big as of epoch 42', ['scan swipes [swipe_id:bigint, amount:numeric(10,2)] as of epoch 42']],
    [
      'select a from t1 union all select a from t2 as of epoch 9',
      ['scan t1 [a:integer] as of epoch 9', 'scan t2 [a:integer] as of epoch 9'],
    ],
    [
      'with x as (select a from t1 as of epoch 3) select x.a from x join t2 on x.a = t2.a as of epoch 4',
      ['scan t1 [a:integer] as of epoch 3', 'scan t2 [a:integer] as of epoch 4'],
    ],
    [
      'select a from t1 where exists (select 1 from t2 where t2.a = t1.a) as of epoch 9',
      ['scan t1 [a:integer] as of epoch 9', 'scan t2 [a:integer] as of epoch 9'],
    ],
    [
      "select a from t1 as of timestamp '2024-01-01 02:00:00+02'",
      ["scan t1 [a:integer] as of timestamp timestamptz '2024-01-01 00:00:00+00'"],
    ],
    [
      "select a from t1 as of timestamp now() - interval '1 hour'",
      ["scan t1 [a:integer] as of timestamp now() - interval '01:00:00'"],
    ],
  ])('%s', (sql, expected) => {
    expect(scans(sql)).toEqual(expected)
  })

  test('a parameter can be the epoch', () => {
    const compiled = compileText('select a from t1 as of epoch $1', SCHEMA, [{ type: 'bigint', value: 7n }])
    expect(compiled).toMatchObject({ command: { root: { op: 'scan', as_of: { as_of: 'epoch', epoch: 7n } } } })
  })
})

describe('transactions', () => {
  test.each<[string, Partial<Extract<Compiled, { kind: 'transaction' }>>]>([
    ['begin', { action: 'begin', readOnly: false, tag: 'BEGIN', notices: [] }],
    ['begin work isolation level snapshot, read only', { action: 'begin', readOnly: true, notices: [] }],
    ['start transaction read write', { action: 'begin', readOnly: false, tag: 'START TRANSACTION' }],
    [
      'begin isolation level read committed',
      { notices: ['the transaction is at isolation level REPEATABLE READ, which is stronger than READ COMMITTED'] },
    ],
    ['end', { action: 'commit', tag: 'COMMIT' }],
    ['commit work', { action: 'commit', tag: 'COMMIT' }],
    ['abort transaction', { action: 'rollback', tag: 'ROLLBACK' }],
  ])('%s', (sql, expected) => expect(compileText(sql)).toMatchObject({ kind: 'transaction', ...expected }))
})

describe('the rest', () => {
  test('TRUNCATE names each relation once', () => {
    expect(compileText('truncate t1, swipes, main.t1')).toEqual({
      kind: 'command',
      command: {
        command: 'truncate',
        version: PLAN_VERSION,
        relations: [idOf('t1'), idOf('swipes')],
        transaction: null,
      },
      tag: 'TRUNCATE TABLE',
    })
  })

  test('the place that a group is moved to', () => {
    const seek = (to: string) => command(`alter consumer group g on swipes ${to}`).seek
    expect(command('alter consumer group "G" on swipes seek to end')).toMatchObject({
      group: 'G',
      stream: idOf('swipes'),
    })
    expect(seek('seek to beginning')).toEqual({ partition: null, to: { at: 'earliest' } })
    expect(seek('partition 3 seek to end')).toEqual({ partition: 3, to: { at: 'latest' } })
    expect(seek('seek to offset 40 + 2')).toEqual({ partition: null, to: { at: 'offset', offset: 42n } })
    expect(seek("seek to timestamp '1970-01-01 00:00:01'")).toEqual({
      partition: null,
      to: { at: 'timestamp', time: { op: 'literal', literal: { type: 'timestamptz', value: 1_000_000n } } },
    })
  })

  test.each([
    ['check database', 'check_database', 'CHECK DATABASE'],
    ['show segments', 'segments', 'SHOW'],
    ['show consumer groups', 'consumer_groups', 'SHOW'],
  ] as const)('%s is asked as a query is', (sql, what, tag) => {
    const compiled = compileText(sql)
    expect(compiled).toMatchObject({ kind: 'query', command: { command: 'inspect', what }, tag })
    expect(compiled.kind === 'query' && compiled.fields).toEqual(INSPECTION_FIELDS[what])
  })

  test('BACKUP and CHECKPOINT', () => {
    expect(command("backup to '/b'")).toEqual({ command: 'backup', version: PLAN_VERSION, path: '/b' })
    expect(command('checkpoint')).toEqual({ command: 'checkpoint', version: PLAN_VERSION })
  })
})

describe('options', () => {
  const catalog = catalogFrom(
    `create stream o (a int, "B" int) with (partitions = 4, partition_by = '"B", A', retention = '7 days 12 hours',
       retention_bytes = '1.5GB', durability = 'Interval');
     create stream p (a int) with (retention = INTERVAL '90' MINUTE, retention_bytes = 'forever');
     create table q (a int primary key) with (retain = '1 hour', durability = none)`,
  )
  const optionsOf = (name: string, from = catalog) => {
    const { object } = from.find(name)!
    return object.kind === 'stream' || object.kind === 'table' ? object.options : undefined
  }

  test('are kept as whole numbers', () => {
    expect(optionsOf('o')).toEqual({
      partitions: '4',
      partition_by: '1,0',
      retention: '648000000000',
      retention_bytes: '1610612736',
      durability: 'interval',
    })
    expect(optionsOf('p')).toEqual({ retention: '5400000000' })
    expect(optionsOf('q')).toEqual({ retain: '3600000000', durability: 'none' })
  })

  test('are shown in words', () => {
    const columns = [{ name: 'a' }, { name: 'B' }]
    const shown = Object.entries(optionsOf('o')!).map(([key, value]) => printOption(key, value, columns))
    expect(shown).toEqual(['4', 'B, a', '7 days 12:00:00', '1536 MB', 'interval'])
    expect(printOption('retention', '7 days', columns), 'as an older version kept it').toBe('7 days')
  })

  test('ALTER changes those that it names and keeps the others', () => {
    const altered = (sql: string) => {
      const compiled = compileText(sql, catalog)
      if (compiled.kind !== 'ddl') throw new Error('not DDL')
      return { tag: compiled.tag, options: optionsOf(sql.split(' ')[2]!, catalog.with(compiled.changes)) }
    }
    expect(altered("alter stream o set (retention = 'forever', durability = 'commit')")).toEqual({
      tag: 'ALTER STREAM',
      options: { partitions: '4', partition_by: '1,0', retention_bytes: '1610612736', durability: 'commit' },
    })
    expect(altered("alter table q set (retain = '2 hours')")).toEqual({
      tag: 'ALTER TABLE',
      options: { retain: '7200000000', durability: 'none' },
    })
  })
})
