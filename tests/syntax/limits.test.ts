/** Statements that would cost too much are refused quickly and clearly; what is just below the limits works. */
import { expect, test } from 'vitest'
import { SqlError } from '../../sql/diag/error.js'
import { NESTING_MAX, STATEMENT_LENGTH_MAX, TREE_DEPTH_MAX } from '../../sql/syntax/limits.js'
import { printStatement } from '../../sql/syntax/printer.js'
import { parseScript } from '../../sql/syntax/script.js'

const nest = (open: string, inner: string, close: string, times: number) =>
  `select ${open.repeat(times)}${inner}${close.repeat(times)}`

function codeOf(text: string): string {
  const start = performance.now()
  try {
    parseScript(text)
    return 'fine'
  } catch (error) {
    expect(error).toBeInstanceOf(SqlError)
    return (error as SqlError).code
  } finally {
    expect(performance.now() - start).toBeLessThan(5000)
  }
}

const half = NESTING_MAX / 2
test.each([
  ['parentheses', nest('(', '1', ')', NESTING_MAX)],
  ['calls', nest('f(', '1', ')', NESTING_MAX)],
  ['cases', nest('case when ', 'a', ' then 1 end', NESTING_MAX)],
  ['scalar subqueries', nest('(select ', '1', ')', half)],
  ['derived tables', `select * from ${'(select * from '.repeat(half)}t${')'.repeat(half)}`],
  ['joins in parentheses', `select * from ${'(a join '.repeat(NESTING_MAX)}b${' on true)'.repeat(NESTING_MAX)}`],
  [
    'a chain of operators',
    `select ${Array(TREE_DEPTH_MAX - 50)
      .fill('a')
      .join(' or ')}`,
  ],
  ['a long list', `select a in (${Array(50_000).fill('1').join(', ')})`],
])('%s up to the limit', (_, text) => {
  const { statements } = parseScript(text)
  expect(parseScript(printStatement(statements[0]!.tree)).statements.length).toBe(1)
})

test.each([
  ['10,000 parentheses', nest('(', '1', ')', 10_000)],
  ['10,000 open parentheses', nest('(', '1', '', 10_000)],
  ['one parenthesis too many', nest('(', '1', ')', NESTING_MAX + 1)],
  ['one subquery too many', nest('(select ', '1', ')', half + 1)],
  ['cases', nest('case ', '1', '', 10_000)],
  ['brackets', nest('array[', '1', ']', 10_000)],
  ['a chain of sums', `select ${Array(100_000).fill('1').join('+')}`],
  ['nots', nest('not ', 'a', '', 100_000)],
  ['signs', nest('- ', '1', '', 100_000)],
  ['casts', nest('', '1', '::int', 0) + '::int'.repeat(100_000)],
  ['unions', Array(5000).fill('select 1').join(' union ')],
  ['joins', `select * from a${' cross join b'.repeat(20_000)}`],
  ['10 MB of one number', `select ${'1'.repeat(10 << 20)}`],
  ['10 MB of one string', `select '${'x'.repeat(10 << 20)}'`],
  ['10 MB of rows', `insert into t values (1)${', (1)'.repeat(2 << 20)}`],
])('%s: too complex', (_, text) => expect(codeOf(text)).toBe('54001'))

test('the parser works after each refusal', () => {
  expect(codeOf('select 1')).toBe('fine')
})

test('a script may be longer than a statement', () => {
  const statement = `insert into t values (1, '${'x'.repeat(1 << 20)}');\n`
  const script = statement.repeat(Math.ceil(STATEMENT_LENGTH_MAX / (1 << 20)) + 1)
  expect(script.length).toBeGreaterThan(STATEMENT_LENGTH_MAX)
  expect(parseScript(script).statements.length).toBe(5)
})

test('1 MB that never ends something', () => {
  for (const piece of ['/*', "'", '"', '$a$ ', '(', '[', 'a ', 'a.', ';a', '$', "E'\\", '--', '""', "''"]) {
    codeOf(piece.repeat((1 << 20) / piece.length))
    codeOf(`select ${piece.repeat((1 << 20) / piece.length)}`)
  }
})

test('a deep stack below the parser is an error, not a crash', () => {
  const text = nest('(', '1', ')', NESTING_MAX - 1)
  const descend = (): string => {
    try {
      return descend()
    } catch (error) {
      if (!(error instanceof RangeError)) throw error
      return codeOf(text)
    }
  }
  expect(['54001', 'fine']).toContain(descend())
  expect(codeOf('select (1)')).toBe('fine')
})
