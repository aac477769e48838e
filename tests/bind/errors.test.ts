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
    ['select row_number() from t1', '42P20', 'row_number(', 'window function row_number requires an OVER clause'],
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
    ['select (select a from t1)', '0A000', '(select', 'a scalar subquery must be known to return at most one row'],
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
    ['update t1 set b = 1, b = 2', '42701', 'b', 'multiple assignments to same column "b"'],
    ['delete from t3', '42P01', 't3', 'relation "t3" does not exist'],
    [
      'insert into t1 (a) values (1) on conflict (b) do nothing',
      '42P10',
      'on',
      'there is no unique constraint matching the ON CONFLICT specification',
    ],
    [
      'insert into t1 (a, b) values (1, 2) on conflict (a) do update set b = excluded.b',
      '0A000',
      'on',
      'ON CONFLICT DO UPDATE must set every column; "c" is not set',
    ],
    ['begin', '0A000', 'begin', 'transactions of several statements are not supported yet'],
  ])('%s', (sql, code, at, message) => expect(mistake(sql)).toMatchObject({ code, at, message }))
})
