/** Mistakes and what they are answered with: code, place, message, hint. The caret's text is what the position points at. */
import { describe, expect, test } from 'vitest'
import { SqlError } from '../../sql/index.js'
import { compileText } from '../plans/planner.js'

function mistake(sql: string): { code: string; at: string; message: string; hint: string } {
  try {
    compileText(sql)
  } catch (error) {
    if (!(error instanceof SqlError)) throw error
    expect(error.caret, 'every error has a caret').toBeDefined()
    return {
      code: error.code,
      at: sql.slice((error.position ?? 0) - 1).split(/[\s,;)]/)[0]!,
      message: error.message,
      hint: error.hint ?? '',
    }
  }
  throw new Error(`no error: ${sql}`)
}

describe('names', () => {
  test.each([
    [
      'select amont from swipes',
      '42703',
      'amont',
      'column "amont" does not exist',
      'Perhaps you meant the column "swipes.amount".',
    ],
    [
      'select s.amont from swipes s',
      '42703',
      's.amont',
      'column s.amont does not exist',
      'Perhaps you meant the column "s.amount".',
    ],
    ['select 1 from swipe', '42P01', 'swipe', 'relation "swipe" does not exist', 'Perhaps you meant "swipes".'],
    ['select 1 from fraud', '42809', 'fraud', '"fraud" is a model, which has no rows', ''],
    [
      'select swipe.ts from swipes',
      '42P01',
      'swipe.ts',
      'missing FROM-clause entry for table "swipe"',
      'Perhaps you meant the table alias "swipes".',
    ],
    ['select a from t1, t2', '42702', 'a', 'column reference "a" is ambiguous', 'It could be t1.a or t2.a.'],
    ['select 1 from t1, t1', '42712', 't1', 'table name "t1" specified more than once', 'Give one of them an alias.'],
    [
      'select uper(c) from t1',
      '42883',
      'uper(c',
      'function uper(text) does not exist',
      'Perhaps you meant the function "upper".',
    ],
    [
      'select cuont(c) from t1',
      '42883',
      'cuont(c',
      'function cuont(text) does not exist',
      'Perhaps you meant the function "count".',
    ],
    ['select * exclude (nope) from t1', '42703', 'nope', 'column "nope" in EXCLUDE does not exist', ''],
    [
      'select predict(frad, 1, 2, 3)',
      '42704',
      'frad',
      'model "frad" does not exist',
      'Perhaps you meant the model "fraud".',
    ],
    ['select predict(fraud, 1)', '42883', 'predict(fraud', 'model "fraud" takes 3 features, not 1', ''],
    ['select 1::intt', '42704', 'intt', 'type "intt" does not exist', 'Perhaps you meant the type int.'],
    [
      'select a from t1 join t2 using (c)',
      '42703',
      'c',
      'column "c" specified in USING clause does not exist in right table',
      '',
    ],
    ['select sum(a) over nope from t1', '42704', 'nope', 'window "nope" does not exist', ''],
  ])('%s', (sql, code, at, message, hint) => {
    const found = mistake(sql)
    expect({ ...found, hint: hint === '' ? '' : found.hint }).toEqual({ code, at, message, hint })
  })
})

describe('types', () => {
  test.each([
    ['select a from t1 where c', '42804', 'c', 'argument of WHERE must be type boolean, not type text'],
    ['select c + 1 from t1', '42883', '+', 'operator does not exist: text + integer'],
    ["select b = 'x' from t1", '22P02', "'x'", 'invalid input syntax for type integer: "x"'],
    [
      "select h > 'yesterday-ish' from t2",
      '22007',
      "'yesterday-ish'",
      'invalid input syntax for type timestamp without time zone: "yesterday-ish"',
    ],
    ["select date '2023-02-29'", '22008', 'date', 'date/time field value out of range: "2023-02-29"'],
    ["select '99999'::smallint", '22003', "'99999'::smallint", 'value "99999" is out of range for type smallint'],
    ['select case when d then 1 else c end from t1', '42804', 'c', 'CASE types integer and text cannot be matched'],
    ['select a from t1 union select c from t1', '42804', 'select', 'UNION types integer and text cannot be matched'],
    ['select a from t1 union select 1, 2', '42601', 'select', 'each UNION query must have the same number of columns'],
    ['select d::date from t1', '42846', 'd::date', 'cannot cast type boolean to date'],
    ['select sum(c) from t1', '42883', 'c', 'function sum(text) does not exist'],
    ['select x % 2 from t1', '42883', '%', 'operator does not exist: double precision % integer'],
    ['select not a from t1', '42804', 'a', 'argument of NOT must be type boolean, not type integer'],
  ])('%s', (sql, code, at, message) => expect(mistake(sql)).toMatchObject({ code, at, message }))
})

describe('grouping and windows', () => {
  test.each([
    [
      'select c, b, count(*) from t1 group by c',
      '42803',
      'b',
      'column "b" must appear in the GROUP BY clause or be used in an aggregate function',
    ],
    [
      'select * from t1 group by a + 1',
      '42803',
      '*',
      'column "t1.a" must appear in the GROUP BY clause or be used in an aggregate function',
    ],
    ['select a from t1 where count(*) > 1', '42803', 'count(*', 'aggregate functions are not allowed in WHERE'],
    ['select sum(count(*)) from t1', '42803', 'count(*', 'aggregate function calls cannot be nested'],
    [
      'select a from t1 where row_number() over () = 1',
      '42P20',
      'row_number(',
      'window functions are not allowed in WHERE',
    ],
    ['select row_number() from t1', '42809', 'row_number(', 'window function row_number requires an OVER clause'],
    ['select count(*) from t1 group by 2', '42P10', '2', 'GROUP BY position 2 is not in select list'],
    [
      'select distinct a from t1 order by b',
      '42P10',
      'b',
      'for SELECT DISTINCT, ORDER BY expressions must appear in select list',
    ],
    [
      'select sum(a) over (order by a, b range 1 preceding) from t1',
      '42P20',
      'range',
      'RANGE with offset PRECEDING/FOLLOWING requires exactly one ORDER BY column',
    ],
    [
      "select sum(amount) over (order by ts range interval '1 month' preceding) from swipes",
      '0A000',
      'interval',
      'a RANGE frame of months or years is not supported',
    ],
    ['select sum(a) over (order by a rows -1 preceding) from t1', '22023', '-1', 'frame offset must not be negative'],
    ['select a from t1 limit -1', '22023', '-1', 'LIMIT must not be negative'],
    ['select a from t1 limit a', '42703', 'a', 'column "a" does not exist'],
    ['select a from t1 where a in (select 1, 2)', '42601', 'select', 'subquery has too many columns'],
    ['select (select 1, 2)', '42601', '(select', 'subquery must return only one column'],
    ['with recursive r as (select 1) select * from r', '0A000', 'with', 'WITH RECURSIVE is not supported yet'],
  ])('%s', (sql, code, at, message) => expect(mistake(sql)).toMatchObject({ code, at, message }))
})

describe('writes', () => {
  test.each([
    ['insert into t1 (a, zz) values (1, 2)', '42703', 'zz', 'column "zz" of relation "t1" does not exist'],
    ['insert into t1 (a, a) values (1, 2)', '42701', 'a', 'column "a" specified more than once'],
    ['insert into t1 (a) values (1, 2)', '42601', '2', 'INSERT has more expressions than target columns'],
    ['insert into t1 (a, b) values (1)', '42601', '1', 'INSERT has more target columns than expressions'],
    [
      'insert into t1 (a) values (true)',
      '42804',
      'true',
      'column "a" is of type integer but expression is of type boolean',
    ],
    ["insert into t1 (a) values ('x1')", '22P02', "'x1'", 'invalid input syntax for type integer: "x1"'],
    ['insert into totals values (1)', '42809', 'totals', 'cannot insert into materialized view "totals"'],
    ['update swipes set amount = 1', '42809', 'swipes', 'cannot update stream "swipes"'],
    ['update t1 set b = 1, b = 2', '42601', 'b', 'multiple assignments to same column "b"'],
    ['delete from t3', '42P01', 't3', 'relation "t3" does not exist'],
    [
      'insert into t1 (a) values (1) on conflict (b) do nothing',
      '42P10',
      'on',
      'there is no unique or exclusion constraint matching the ON CONFLICT specification',
    ],
    [
      'insert into swipes (swipe_id) values (1) on conflict (swipe_id) do nothing',
      '42P10',
      'on',
      'there is no unique or exclusion constraint matching the ON CONFLICT specification',
    ],
    [
      'insert into t1 (a) values (1) on conflict do update set b = 1',
      '42601',
      'on',
      'ON CONFLICT DO UPDATE requires the columns of the primary key',
    ],
    [
      'insert into t1 (a) values (1) on conflict (a) do update set b = b + 1',
      '42702',
      'b',
      'column reference "b" is ambiguous',
    ],
    [
      'insert into t1 (a) values (1) on conflict (a) do update set b = exclude.b',
      '42P01',
      'exclude.b',
      'missing FROM-clause entry for table "exclude"',
    ],
    [
      'insert into t1 (a) values (1) on conflict (a) do update set d = excluded.b',
      '42804',
      'excluded.b',
      'column "d" is of type boolean but expression is of type integer',
    ],
    [
      'insert into t1 (a) values (1) on conflict (a) do update set b = 1, b = 2',
      '42601',
      'b',
      'multiple assignments to same column "b"',
    ],
    [
      'insert into t1 (a) values (1) on conflict (a) do update set b = 1 where t1.c',
      '42804',
      't1.c',
      'argument of WHERE must be type boolean, not type text',
    ],
    [
      'insert into t1 (a) values (1) on conflict (a) do update set b = (select 1)',
      '0A000',
      '(select',
      'subqueries are not supported in ON CONFLICT DO UPDATE',
    ],
    ['truncate totals', '42809', 'totals', 'cannot truncate materialized view "totals"'],
    ['truncate t1, nope', '42P01', 'nope', 'relation "nope" does not exist'],
  ])('%s', (sql, code, at, message) => expect(mistake(sql)).toMatchObject({ code, at, message }))
})

describe('the past', () => {
  test.each([
    ['select * from t1 as of epoch -1', '22023', '-1', 'argument of AS OF EPOCH must not be negative'],
    ['select * from t1 as of epoch null', '22023', 'null', 'argument of AS OF EPOCH must not be null'],
    [
      'select * from t1 as of epoch 1.5',
      '42804',
      '1.5',
      'argument of AS OF EPOCH must be type bigint, not type numeric(2,1)',
    ],
    ["select * from t1 as of epoch 'x'", '22P02', "'x'", 'invalid input syntax for type bigint: "x"'],
    ['select * from t1 as of epoch (a)', '42703', 'a', 'column "a" does not exist'],
    [
      "select * from t1 as of timestamp 'noon-ish'",
      '22007',
      "'noon-ish'",
      'invalid input syntax for type timestamp with time zone: "noon-ish"',
    ],
    [
      'select * from t1 as of timestamp 5',
      '42804',
      '5',
      'argument of AS OF TIMESTAMP must be type timestamp with time zone, not type integer',
    ],
    ['with x as (select 1) select * from x as of epoch 5 y', '0A000', 'as', 'AS OF cannot be said of a WITH query'],
    ['subscribe t1 as of epoch 5', '0A000', 'as', 'SUBSCRIBE … AS OF is not supported yet'],
    [
      'subscribe to (select * from t1 as of epoch 5 x where a = 1)',
      '0A000',
      '(select',
      'AS OF cannot be used in a subscription',
    ],
    [
      'create materialized view v as select * from t1 as of epoch 5',
      '0A000',
      'select',
      'AS OF cannot be used in a materialized view',
    ],
  ])('%s', (sql, code, at, message) => expect(mistake(sql)).toMatchObject({ code, at, message }))
})

describe('transactions, groups and options', () => {
  test.each([
    ['begin isolation level serializable', '0A000', 'begin', 'isolation level SERIALIZABLE is not supported'],
    ['alter consumer group g on t1 seek to end', '42809', 't1', '"t1" is a table'],
    ['alter consumer group g on swipe seek to end', '42P01', 'swipe', 'relation "swipe" does not exist'],
    [
      'alter consumer group g on swipes seek to offset -1',
      '22023',
      '-1',
      'argument of SEEK TO OFFSET must not be negative',
    ],
    ["alter consumer group '' on swipes seek to end", '22023', "''", 'the name of a consumer group must not be empty'],
    ["backup to ''", '22023', "''", 'the path of a backup must not be empty'],
    [
      "create stream s (a int) with (retenton = '7 days')",
      '22023',
      'retenton',
      'unknown option "retenton" of a stream',
    ],
    [
      "create table t (a int primary key) with (retention = '7 days')",
      '22023',
      'retention',
      'unknown option "retention" of a table',
    ],
    ['create stream s (a int) with (retention = 7)', '22023', '7', 'invalid value for option "retention": "7"'],
    [
      "create stream s (a int) with (retention = '1 month')",
      '22023',
      "'1",
      'invalid value for option "retention": "1 month"',
    ],
    ["create stream s (a int) with (retention = '0 s')", '22023', "'0", 'invalid value for option "retention": "0 s"'],
    [
      "create stream s (a int) with (retention_bytes = '10XB')",
      '22023',
      "'10XB'",
      'invalid value for option "retention_bytes": "10XB"',
    ],
    [
      'create stream s (a int) with (retention_bytes = 100)',
      '22023',
      '100',
      'invalid value for option "retention_bytes": "100"',
    ],
    ['create stream s (a int) with (partitions = 0)', '22023', '0', 'invalid value for option "partitions": "0"'],
    [
      'create stream s (a int) with (partitions = 1025)',
      '22023',
      '1025',
      'invalid value for option "partitions": "1025"',
    ],
    [
      "create stream s (a int) with (partition_by = 'b')",
      '42703',
      "'b'",
      'column "b" named in partition_by does not exist',
    ],
    [
      "create stream s (a int) with (partition_by = 'a, a')",
      '22023',
      "'a",
      'invalid value for option "partition_by": "a, a"',
    ],
    [
      "create stream s (a int) with (durability = 'always')",
      '22023',
      "'always'",
      'invalid value for option "durability": "always"',
    ],
    [
      'alter stream swipes set (partitions = 4)',
      '0A000',
      'partitions',
      'option "partitions" of a stream cannot be changed',
    ],
    ['alter stream swipes set ()', '42601', 'alter', 'SET needs at least one option'],
    ["alter stream t1 set (retention = '1 day')", '42809', 't1', '"t1" is not a stream'],
    ["alter table t9 set (retain = '1 day')", '42P01', 't9', 'table "t9" does not exist'],
  ])('%s', (sql, code, at, message) => expect(mistake(sql)).toMatchObject({ code, at, message }))

  test('a slip in an option is guessed', () => {
    expect(mistake("create stream s (a int) with (retenton = '7 days')").hint).toBe('Perhaps you meant "retention".')
    expect(mistake('create table t (a int primary key) with (colour = 1)').hint).toBe(
      'The options are retain, durability.',
    )
  })
})
