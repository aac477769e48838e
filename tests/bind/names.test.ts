/** Names of columns without alias: what PostgreSQL calls them. */
import { expect, test } from 'vitest'
import { compileText } from '../plans/planner.js'

test.each([
  ['1', '?column?'],
  ['a + 1', '?column?'],
  ['-a', '?column?'],
  ['a IS NULL', '?column?'],
  ['a', 'a'],
  ['t1.a', 'a'],
  ["upper('x')", 'upper'],
  ['count(*)', 'count'],
  ['true', '?column?'],
  ["'1'::int8", 'int8'],
  ["'1'::bigint", 'int8'],
  ["'1'::int2::bigint", 'int8'],
  ['CAST(1.5 AS double precision)', 'float8'],
  ["'t'::boolean", 'bool'],
  ["'{1}'::int[]", 'int4'],
  ["'x'::varchar(3)", 'varchar'],
  ["'x'::char(3)", 'bpchar'],
  ['a::text', 'a'],
  ['(a + 1)::text', 'text'],
  ["date '2024-01-01'", 'date'],
  ["interval '1 day'", 'interval'],
  ["extract(year from date '2024-01-01')", 'extract'],
  ['CASE WHEN a = 1 THEN 2 END', 'case'],
  ['CASE WHEN a = 1 THEN 2 ELSE a END', 'a'],
  ["CASE WHEN a = 1 THEN '2' ELSE '1'::text END", 'case'],
  ['ARRAY[1, 2]', 'array'],
  ['(ARRAY[1, 2])[1]', 'array'],
  ['ROW(1, 2)', 'row'],
  ['EXISTS (SELECT 1)', 'exists'],
  ['(SELECT a)', 'a'],
  ['(SELECT max(a) FROM t1)', 'max'],
  ['(SELECT 1 AS x)', 'x'],
  ['(SELECT 1)', '?column?'],
])('%s', (expr, name) => {
  const compiled = compileText(`select ${expr} from t1`)
  expect(compiled.kind === 'query' && compiled.fields.map((field) => field.name)).toEqual([name])
})
