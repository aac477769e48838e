/** Result types and explicit casts: PostgreSQL's rules, as tables of expression → type. */
import { describe, expect, test } from 'vitest'
import type { Literal } from '../../sql/contract/plan.generated.js'
import { SqlError } from '../../sql/index.js'
import { shortTypeName } from '../../sql/types/data-type.js'
import { compileText, explainText } from '../plans/planner.js'

function typeOf(
  expr: string,
  from = 't1 cross join (select e, f, g, h from t2) t2 cross join swipes',
  parameters: readonly Literal[] = [],
): string {
  const compiled = compileText(`select ${expr} from ${from}`, undefined, parameters)
  if (compiled.kind !== 'query') throw new Error('no query')
  return shortTypeName(compiled.fields[0]!.data_type)
}

/** The one expression of `select expr`, as the plan has it. */
function planOf(expr: string, from: string): string {
  const project = explainText(`select ${expr} as r from ${from}`).find((line) => line.trim().startsWith('project'))
  return /\[r:\S+ = (.*)\]$/.exec(project ?? '')?.[1] ?? `no project: ${project}`
}

describe('numbers', () => {
  test.each([
    ['1', 'integer'],
    ['2147483647', 'integer'],
    ['2147483648', 'bigint'],
    ['-2147483648', 'integer'],
    ['9223372036854775808', 'numeric(19,0)'],
    ['-9223372036854775808', 'bigint'],
    ['1.50', 'numeric(3,2)'],
    ['1e3', 'numeric(4,0)'],
    ['7 / 2', 'integer'],
    ['s + 1', 'integer'],
    ['b + e', 'bigint'],
    ['x + 1', 'double'],
    ['b + 0.5', 'numeric(12,1)'],
    ['amount + 1', 'numeric(11,2)'],
    ['amount * 2', 'numeric(11,2)'],
    ['amount * f', 'numeric(22,6)'],
    ['amount / 3', 'numeric(38,16)'],
    ['amount % 3', 'numeric(10,2)'],
    ['amount * x', 'double'],
    ['1::real + 1', 'double'],
    ['1::real + 1::real', 'real'],
    ['-s', 'smallint'],
    ['2 ^ 3', 'double'],
    ['sum(s)', 'bigint'],
    ['sum(b)', 'bigint'],
    ['sum(e)', 'numeric(38,0)'],
    ['sum(amount)', 'numeric(38,2)'],
    ['sum(x)', 'double'],
    ['avg(b)', 'numeric(38,16)'],
    ['avg(x)', 'double'],
    ['count(distinct c)', 'bigint'],
    ['max(g)', 'date'],
    ['round(x)', 'double'],
    ['coalesce(b, 0)', 'integer'],
    ['coalesce(amount, 0)', 'numeric(10,2)'],
    ['nullif(amount, 0)', 'numeric(10,2)'],
    ["coalesce(amount, '0.125')", 'numeric(11,3)'],
    ['greatest(b, e, 1.5)', 'numeric(20,1)'],
    ['case when d then 1 else 2.5 end', 'numeric(2,1)'],
    ["case when d then null else 'x' end", 'text'],
  ])('%s is %s', (expr, type) => expect(typeOf(expr)).toBe(type))
})

describe('times and texts', () => {
  test.each([
    ["date '2024-01-31' + 1", 'date'],
    ["g + interval '1 month'", 'timestamp'],
    ["ts - interval '5 minutes'", 'timestamptz'],
    ["interval '1 hour' + ts", 'timestamptz'],
    ['ts - ts', 'interval'],
    ['g - g', 'integer'],
    ["g - '2024-01-01'", 'integer'],
    ["h - '2024-01-01'", 'interval'],
    ["interval '1 day' * 2", 'interval'],
    ["2 * interval '1 day'", 'interval'],
    ['h - g', 'interval'],
    ['c || 1', 'text'],
    ["'a' || 'b'", 'text'],
    ['now()', 'timestamptz'],
    ['current_date', 'date'],
    ['extract(epoch from ts)', 'double'],
    ["'2024-01-01'::date", 'date'],
    ['null', 'text'],
    ["c = 'x'", 'boolean'],
  ])('%s is %s', (expr, type) => expect(typeOf(expr)).toBe(type))
})

describe('casts are written out', () => {
  test.each([
    ['s = b', 't1', 's::integer = b'],
    ['b < x', 't1', 'b::double < x'],
    ['b = 1.5', 't1', 'b::numeric(10,0) = 1.5'],
    ["b = '7'", 't1', 'b = 7'],
    ["g < '2024-02-29'", 't2', "g < date '2024-02-29'"],
    ['g < h', 't2', 'g::timestamp < h'],
    ["ts > '2024-01-01 01:00+02'", 'swipes', "ts > timestamptz '2023-12-31 23:00:00+00'"],
    ["amount > '1.255'", 'swipes', 'amount > 1.255'],
    ['b in (1, 2.5)', 't1', 'b::numeric(11,1) in (1.0, 2.5)'],
    ['x in (1, 2)', 't1', 'x in (1, 2)'],
    ['sqrt(b)', 't1', 'sqrt(b::double)'],
    ['amount::integer', 'swipes', 'amount::integer'],
    ["'12'::integer + 1", 't1', '13'],
    ['a between 1 and b', 't1', 'a >= 1 and a <= b'],
    ["interval '1 year 2 months 3 days 04:05:06.7'", 't1', "interval '1 year 2 mons 3 days 04:05:06.7'"],
    ["interval '90' minute", 't1', "interval '01:30:00'"],
    ["interval 'P1DT2H'", 't1', "interval '1 day 02:00:00'"],
    ["interval '-1 day +1 hour'", 't1', "interval '-1 days +01:00:00'"],
    ["interval '1 hour' ", 't1', "interval '01:00:00'"],
  ])('%s of %s', (expr, from, plan) => expect(planOf(expr, from)).toBe(plan))
})

describe('parameters', () => {
  test('a number keeps its type, a text adapts', () => {
    expect(typeOf('$1', 't1', [{ type: 'bigint', value: 5n }])).toBe('bigint')
    const compiled = compileText('select a from t2 where g = $1', undefined, [{ type: 'text', value: '2024-03-01' }])
    expect(JSON.stringify(compiled, (_, v: unknown) => (typeof v === 'bigint' ? `${v}` : v))).toContain(
      '{"type":"date","value":19783}',
    )
  })

  test('one that is not given is an error', () => {
    expect(() => compileText('select $2', undefined, [{ type: 'integer', value: 1 }])).toThrow(SqlError)
  })
})
