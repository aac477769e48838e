/** CREATE and DROP as the definitions and changes that they give. */
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import type { Definition } from '../../sql/contract/plan.generated.js'
import { type DdlCompiled, SqlError } from '../../sql/index.js'
import { catalogFrom, compileText, SCHEMA } from '../plans/planner.js'

function ddl(sql: string, catalog = SCHEMA): DdlCompiled {
  const compiled = compileText(sql, catalog)
  if (compiled.kind !== 'ddl') throw new Error(`not DDL: ${sql}`)
  return compiled
}

function made(sql: string, catalog = SCHEMA): Definition[] {
  return ddl(sql, catalog).changes.flatMap((change) => (change.change === 'create' ? [change.definition] : []))
}

function refused(sql: string, catalog = SCHEMA): SqlError {
  try {
    compileText(sql, catalog)
  } catch (error) {
    if (error instanceof SqlError) return error
    throw error
  }
  throw new Error(`no error: ${sql}`)
}

const SOURCE =
  "create source s1 (k bigint, ts timestamptz, watermark for ts as ts - interval '5 seconds') with (connector = 'kafka', topic = 'x', properties.bootstrap.server = 'h:1', properties.client.id = 'me', scan.startup.mode = 'latest') format plain encode json"

describe('create', () => {
  test('a table: key, defaults, NOT NULL', () => {
    const [table] = made(
      "create table n (a int, b text default 'x', c numeric(8,2) not null default 1, primary key (a))",
    )
    expect(table).toMatchObject({
      name: 'n',
      sql: "create table n (a int, b text default 'x', c numeric(8,2) not null default 1, primary key (a))",
      object: {
        kind: 'table',
        primary_key: [0],
        columns: [
          { name: 'a', nullable: false, default: null },
          { name: 'b', nullable: true, default: { op: 'literal', literal: { type: 'text', value: 'x' } } },
          {
            name: 'c',
            nullable: false,
            default: { op: 'literal', literal: { type: 'numeric', value: '1.00', precision: 8, scale: 2 } },
          },
        ],
      },
    })
  })

  test('a source and its dead letters', () => {
    const [letters, source] = made(SOURCE)
    expect(letters).toMatchObject({ name: 's1_dead_letters', object: { kind: 'stream' } })
    expect(letters!.object.kind === 'stream' && letters!.object.columns.map((c) => c.name)).toEqual([
      'source_partition',
      'source_offset',
      'source_timestamp',
      'key',
      'value',
      'reason',
    ])
    expect(source).toMatchObject({
      name: 's1',
      depends_on: [letters!.id],
      object: {
        kind: 'source',
        watermark: { column: 1, delay_us: 5_000_000n },
        kafka: {
          brokers: 'h:1',
          topic: 'x',
          startup: 'latest',
          dead_letters: letters!.id,
          properties: { 'client.id': 'me' },
        },
      },
    })
    expect(source!.id).not.toBe(letters!.id)
  })

  test('a source keeps its rows as long as its options say', () => {
    const kafka = "connector = 'kafka', topic = 'x', properties.bootstrap.server = 'h:1'"
    const [, source] = made(
      `create source kept (a int) with (${kafka}, retention = '7 days', retention_bytes = '1GB') format plain encode json`,
    )
    expect(source!.object).toMatchObject({
      kind: 'source',
      options: { retention: '604800000000', retention_bytes: '1073741824' },
    })
    expect(made(SOURCE)[1]!.object).toMatchObject({ options: {} })
    for (const wrong of ["retention = '7'", "retain = '1 day'", "partitions = '4'"])
      expect(() => made(`create source x (a int) with (${kafka}, ${wrong})`), wrong).toThrow()
  })

  test('a materialized view reads what it says', () => {
    const [view] = made(
      'create materialized view v (k, m) as select b.card_id, holder from big b join cards c on c.card_id = b.card_id',
    )
    const names = view!.depends_on.map((id) => SCHEMA.byId(id)!.name)
    expect(names).toEqual(['swipes', 'cards', 'big'])
    expect(view!.object).toMatchObject({ kind: 'materialized_view', columns: [{ name: 'k' }, { name: 'm' }] })
  })

  test('a sink has the written key, else that of a grouped view', () => {
    const sink = (format: string, from = 'totals') =>
      made(
        `create sink out from ${from} with (connector = 'kafka', topic = 't', properties.bootstrap.servers = 'h:1') ${format}`,
      )[0]!.object
    expect(sink('format upsert encode json')).toMatchObject({ key: [0] })
    expect(sink('format upsert encode json key (n, total)')).toMatchObject({ key: [1, 2] })
    expect(sink('format plain encode json', 'swipes')).toMatchObject({ key: [] })
  })

  test('a model asks for its file', () => {
    expect(ddl("create model m from 'a/b.onnx'")).toMatchObject({ modelFile: 'a/b.onnx', tag: 'CREATE MODEL' })
  })

  test('a table without a primary key', () => {
    const { changes } = ddl('create table n (a int, b text)')
    expect(changes).toMatchObject([
      { definition: { object: { kind: 'table', primary_key: [], columns: [{ nullable: true }, { nullable: true }] } } },
    ])
  })

  test('a name that is taken', () => {
    expect(refused('create table t1 (a int primary key)')).toMatchObject({
      code: '42P07',
      message: 'relation "t1" already exists',
    })
    expect(ddl('create table if not exists t1 (a int primary key)')).toMatchObject({
      changes: [],
      notices: ['relation "t1" already exists, skipping'],
    })
  })

  test.each([
    ['create table n (a int primary key, a text)', '42701', 'column "a" specified more than once'],
    [
      'create table n (a int primary key, b int primary key)',
      '42P16',
      'multiple primary keys for table "n" are not allowed',
    ],
    ['create table n (a int primary key, b timetz)', '0A000', 'type timetz is not supported yet'],
    ['create table n (a numeric(50,2) primary key)', '22023', 'NUMERIC precision 50 must be between 1 and 38'],
    ["create table n (a int primary key, b int default 'x')", '22P02', 'invalid input syntax for type integer: "x"'],
    [`create table ${'n'.repeat(64)} (a int primary key)`, '22023', `name "${'n'.repeat(64)}" is too long: 64 bytes`],
    ["create source s (a int) with (connector = 'kafka', topik = 'x')", '22023', 'unknown option "topik" of a source'],
    [
      "create source s (a int) with (connector = 'kafka', topic = 'x')",
      '22023',
      'a source needs the option "properties.bootstrap.server"',
    ],
    [
      "create source s (a int) with (connector = 'pulsar', topic = 'x')",
      '0A000',
      'connector "pulsar" is not supported',
    ],
    [
      "create sink k from cards with (connector = 'kafka', topic = 'x', properties.bootstrap.server = 'h')",
      '42809',
      'cannot make a sink from a table',
    ],
    [
      "create sink k from swipes with (connector = 'kafka', topic = 'x', properties.bootstrap.server = 'h') format upsert encode json",
      '42P16',
      'sink "k" needs a key',
    ],
    [
      "create stream s (a int, ts timestamp, watermark for ts as ts + interval '1 s')",
      '0A000',
      'a watermark must be the column itself, or the column minus an interval',
    ],
  ])('%s', (sql, code, message) => expect(refused(sql)).toMatchObject({ code, message }))

  test('a misspelled option has a hint', () => {
    expect(refused("create source s (a int) with (connector = 'kafka', topik = 'x')").hint).toBe(
      'Perhaps you meant "topic".',
    )
  })
})

describe('drop', () => {
  const catalog = catalogFrom('create materialized view top as select card_id from totals where n > 10', SCHEMA)
  const idOf = (name: string) => catalog.find(name)!.id

  test('what others read stays', () => {
    expect(refused('drop materialized view totals', catalog)).toMatchObject({
      code: '2BP01',
      message: 'cannot drop materialized view totals because other objects depend on it',
      detail: 'materialized view top depends on materialized view totals.',
    })
  })

  test('CASCADE drops dependents first', () => {
    const { changes, notices, tag } = ddl('drop stream swipes cascade', catalog)
    expect(changes.map((c) => c.change === 'drop' && c.id)).toEqual([
      idOf('big'),
      idOf('top'),
      idOf('totals'),
      idOf('swipes'),
    ])
    expect(notices).toContain('drop cascades to materialized view top')
    expect(tag).toBe('DROP STREAM')
  })

  test('a source takes its dead letters along', () => {
    expect(ddl('drop source s1', catalogFrom(SOURCE)).changes).toHaveLength(2)
    expect(refused('drop stream s1_dead_letters', catalogFrom(SOURCE)).code).toBe('2BP01')
  })

  test('kinds and missing names', () => {
    expect(refused('drop table swipes')).toMatchObject({
      code: '42809',
      message: '"swipes" is not a table',
      hint: 'Use DROP STREAM to remove a stream.',
    })
    expect(refused('drop table t9')).toMatchObject({ code: '42P01', message: 'table "t9" does not exist' })
    expect(ddl('drop table if exists t9')).toMatchObject({
      changes: [],
      notices: ['table "t9" does not exist, skipping'],
    })
  })
})

describe('rows about the catalog', () => {
  test('SHOW and DESCRIBE', () => {
    expect(compileText('show tables')).toMatchObject({
      kind: 'rows',
      rows: [
        ['cards', 'table', '6 columns'],
        ['t1', 'table', '6 columns'],
        ['t2', 'table', '6 columns'],
      ],
    })
    expect(compileText('describe totals')).toMatchObject({
      rows: [
        ['card_id', 'bigint', 'yes', null, null],
        ['n', 'bigint', 'yes', null, null],
        ['total', 'numeric(38,2)', 'yes', null, null],
      ],
    })
  })

  test('VERIFY compares the view with its query', () => {
    const compiled = compileText('verify materialized view totals')
    expect(compiled).toMatchObject({
      kind: 'query',
      fields: [{ name: 'card_id' }, { name: 'n' }, { name: 'total' }, { name: 'weight' }],
    })
  })
})

describe('the fraud example', () => {
  test('plans whole, and each view in one piece', () => {
    const file = (name: string) => readFileSync(new URL(`../../examples/fraud/sql/${name}`, import.meta.url), 'utf8')
    const features = 14
    const catalog = catalogFrom(
      file('sink.kafka.sql'),
      catalogFrom(file('pipeline.sql'), catalogFrom(file('tables.sql') + file('source.kafka.sql')), features),
      features,
    )
    const trail = catalog.find('trail')!.object
    expect(trail).toMatchObject({ kind: 'materialized_view', query: { op: 'window', input: { op: 'scan' } } })
    expect(catalog.find('alerts')!.object).toMatchObject({ kind: 'sink', key: [0] })
  })
})
