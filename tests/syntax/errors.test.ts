/** What people read when a statement is wrong: message, place, caret, what was expected, what was probably meant. */
import { describe, expect, test } from 'vitest'
import { Code } from '../../sql/diag/codes.js'
import { SqlError } from '../../sql/diag/error.js'
import { parseScript } from '../../sql/syntax/script.js'

function errorOf(text: string): SqlError {
  try {
    parseScript(text)
  } catch (error) {
    if (error instanceof SqlError) return error
    throw error
  }
  throw new Error(`no error in: ${text}`)
}

/** `^` in the statement marks the place of the error; `end` is the end of the input. */
const table: [marked: string, message: string, more?: { detail?: string; hint?: string; code?: string }][] = [
  ['select * ^form t', 'syntax error at or near "form"', { hint: 'Did you mean "FROM"?' }],
  ['select a form ^t', 'syntax error at or near "t"', { hint: 'Did you mean "FROM"?' }],
  ['^selct 1', 'syntax error at or near "selct"', { hint: 'Did you mean "SELECT"?' }],
  ['^SHWO tables', 'syntax error at or near "SHWO"', { hint: 'Did you mean "SHOW"?' }],
  ['select a from t wehre ^x = 1', 'syntax error at or near "x"', { hint: 'Did you mean "WHERE"?' }],
  ['select a from t gruop ^by a', 'syntax error at or near "by"', { hint: 'Did you mean "GROUP"?' }],
  ['select sum(a) over (partiton ^by b)', 'syntax error at or near "by"', { hint: 'Did you mean "PARTITION"?' }],
  ['select count(*) fliter ^(where a)', 'syntax error at or near "("', { hint: 'Did you mean "FILTER"?' }],
  ['create ^tabel t (a int)', 'syntax error at or near "tabel"', { hint: 'Did you mean "TABLE"?' }],
  [
    'create ^materialised view v as select 1',
    'syntax error at or near "materialised"',
    { hint: 'Did you mean "MATERIALIZED"?' },
  ],
  ['insert into t ^valeus (1)', 'syntax error at or near "valeus"', { hint: 'Did you mean "VALUES"?' }],
  ['insert ^t values (1)', 'syntax error at or near "t"', { detail: 'Expected INTO.' }],
  ['select a from t order ^a', 'syntax error at or near "a"', { detail: 'Expected BY.' }],
  ['select a, ^from t', 'syntax error at or near "from"', { detail: 'Expected an expression.' }],
  ['select a from t where^', 'syntax error at end of input', { detail: 'Expected an expression.' }],
  ['select (1 + 2^', 'syntax error at end of input', { detail: 'Expected one of: ",", ")", an operator.' }],
  [
    'select case when a then b^',
    'syntax error at end of input',
    { detail: 'Expected one of: ELSE, END, WHEN, an operator.' },
  ],
  ['select 1 between 2 ^or 3', 'syntax error at or near "or"', { detail: 'Expected one of: AND, an operator.' }],
  ['select a < b ^< c', 'syntax error at or near "<"'],
  ['select * from a join b ^where x', 'syntax error at or near "where"'],
  [
    'drop ^t',
    'syntax error at or near "t"',
    { detail: 'Expected one of: TABLE, CONSUMER, INDEX, MATERIALIZED, MODEL, SCHEMA, SINK, SOURCE, ….' },
  ],
  [
    'create table ^order (a int)',
    'syntax error at or near "order"',
    { hint: '"order" is a reserved word; as a name it is written in double quotes.' },
  ],
  ['explain ^explain select 1', 'syntax error at or near "explain"'],
  ['commit ^now', 'syntax error at or near "now"', { detail: 'Expected one of: TRANSACTION, WORK.' }],
  ['begin isolation ^read', 'syntax error at or near "read"', { detail: 'Expected LEVEL.' }],
  [
    'begin isolation level ^chaos',
    'syntax error at or near "chaos"',
    { detail: 'Expected one of: READ, REPEATABLE, SERIALIZABLE, SNAPSHOT.' },
  ],
  ['start^', 'syntax error at end of input', { detail: 'Expected TRANSACTION.' }],
  [
    'alter ^view v set (a = 1)',
    'syntax error at or near "view"',
    { detail: 'Expected one of: TABLE, CONSUMER, SOURCE, STREAM.' },
  ],
  [
    'alter consumer group g on s seek to ^begining',
    'syntax error at or near "begining"',
    { hint: 'Did you mean "BEGINNING"?' },
  ],
  ['backup ^into', 'syntax error at or near "into"', { detail: 'Expected TO.' }],
  ['check ^databse', 'syntax error at or near "databse"', { hint: 'Did you mean "DATABASE"?' }],
  ['truncate^', 'syntax error at end of input'],
  ['select * from t as of epoch^', 'syntax error at end of input', { detail: 'Expected an expression.' }],
  ['select * from t as of ^version 5', 'syntax error at or near "version"'],
  ["select ^'abc", `unterminated quoted string at or near "'abc"`],
  ["select ^E'abc\\'", `unterminated quoted string at or near "E'abc\\'"`],
  ['select ^"abc', 'unterminated quoted identifier at or near ""abc"'],
  ['select 1 ^/* x /* y */', 'unterminated /* comment at or near "/* x /* y */"'],
  ['^/* x', 'unterminated /* comment at or near "/* x"'],
  ['select ^$q$abc$', 'unterminated dollar-quoted string at or near "$q$abc$"'],
  ['select a::numeric(^1.5)', 'syntax error at or near "1.5"', { detail: 'Expected a whole number.' }],
  ['select ^1a', 'trailing junk after numeric literal at or near "1a"'],
  ['select ^"" from t', 'zero-length delimited identifier at or near """"'],
  ['select a ^@ b', 'syntax error at or near "@"'],
  [
    'select ^`a`',
    'syntax error at or near "`"',
    { hint: 'Names are quoted with double quotes ("name"), not with backquotes.' },
  ],
  ["select ^E'\\u12'", 'invalid Unicode escape'],
  [
    'create table t (a int ^references u)',
    'FOREIGN KEY constraints are not supported',
    { code: Code.FeatureNotSupported },
  ],
  [
    'create table t (a int, ^foreign key (a) references u)',
    'FOREIGN KEY constraints are not supported',
    { code: Code.FeatureNotSupported },
  ],
  [
    'create stream s (a int ^unique)',
    'UNIQUE constraints of a stream are not supported',
    { code: Code.FeatureNotSupported },
  ],
  ['update t set (a, b) = (^1)', 'number of columns does not match number of values'],
  ['create table t (a int, ^watermark for a as a)', 'a table has no watermark', { code: Code.InvalidTableDefinition }],
  ['create stream s (^a int primary key)', 'a stream has no primary key', { code: Code.InvalidTableDefinition }],
  [
    'select * from ^tumble(t, ts)',
    'tumble does not take 2 arguments',
    { code: Code.UndefinedFunction, hint: 'Write TUMBLE(table, time, size [, offset]).' },
  ],
  ['select * from hop(^1, ts, a, b)', 'the first argument of hop must be a table or a query in parentheses'],
]

describe('table of errors', () => {
  for (const [marked, message, more = {}] of table) {
    test(marked, () => {
      const at = marked.indexOf('^')
      const error = errorOf(marked.replace('^', ''))
      expect(error.message).toBe(message)
      expect(error.position).toBe(at + 1)
      expect(error.code).toBe(more.code ?? Code.SyntaxError)
      if (more.detail !== undefined) expect(error.detail).toBe(more.detail)
      if (more.hint !== undefined) expect(error.hint).toBe(more.hint)
    })
  }
})

test('no hint where none is known', () => {
  for (const text of [
    'select a b c from t',
    'create sink s from v format upsert encode',
    'select a not b',
    'select a, from t',
    'select a from t for update',
  ]) {
    expect(errorOf(text).hint, text).toBeUndefined()
  }
})

test('line, column and caret', () => {
  const error = errorOf('select 1;\nselect a,\n  b form\tt  -- a comment\nwhere c;')
  expect(error).toMatchObject({ line: 3, column: 10, position: 30 })
  expect(error.caret).toBe('LINE 3:   b form t  -- a comment\n                 ^')
  expect(errorOf("select '😀' 'x' form t").column).toBe(12)
})

test('a long line is cut around the place', () => {
  const error = errorOf(`select ${'a, '.repeat(200)} from t`)
  const [line, caret] = error.caret!.split('\n') as [string, string]
  expect(line.length).toBeLessThan(150)
  expect(line.slice(caret.length - 1)).toMatch(/^from t/)
})

test('every wrong statement of a script is reported, in order', () => {
  const error = errorOf('select 1; selct 2; select 3 form; select 4; drop; select $$;$$ x y')
  expect(error.message).toContain('selct')
  expect(error.others.map((other) => [other.message, other.position, typeof other.caret])).toEqual([
    ['syntax error at end of input', 49, 'string'],
    ['syntax error at or near "y"', 66, 'string'],
  ])
})

test('the number of reported errors is bounded', () => {
  expect(errorOf('x;'.repeat(1000)).others.length).toBe(19)
})
