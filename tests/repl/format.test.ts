/** What the REPL prints and how it reads, without a database. */
import { describe, expect, it } from 'vitest'
import { MillraceError } from '../../src/native/errors.js'
import { parseArguments } from '../../src/repl/arguments.js'
import { displayWidth } from '../../src/repl/display-width.js'
import { formatError } from '../../src/repl/error-text.js'
import { oneLine } from '../../src/repl/history.js'
import { type Input, StatementReader } from '../../src/repl/statements.js'
import { formatAligned, formatExpanded } from '../../src/repl/table.js'

describe('aligned tables', () => {
  it('stand as in psql: centred headers, numbers right, no spaces after the last text', () => {
    const table = formatAligned({
      columns: ['id', 'name', 'n'],
      right: [true, false, true],
      rows: [
        ['1', 'a', '10'],
        ['20', 'long name', ''],
      ],
    })
    expect(table).toBe(
      [
        ' id |   name    | n  ',
        '----+-----------+----',
        '  1 | a         | 10',
        ' 20 | long name |   ',
        '(2 rows)',
        '',
        '',
      ].join('\n'),
    )
  })
  it('count one row and none', () => {
    expect(formatAligned({ columns: ['a'], right: [], rows: [['x']] })).toBe(' a \n---\n x\n(1 row)\n\n')
    expect(formatAligned({ columns: ['a'], right: [], rows: [] })).toBe(' a \n---\n(0 rows)\n\n')
  })
  it('align wide characters by the columns they take', () => {
    const table = formatAligned({
      columns: ['a', 'b'],
      right: [],
      rows: [
        ['日本', 'x'],
        ['é', 'y'],
        ['👍', 'z'],
      ],
    })
    expect(table).toBe('  a   | b \n------+---\n 日本 | x\n é    | y\n 👍   | z\n(3 rows)\n\n')
  })
  it('break values with several lines', () => {
    expect(formatAligned({ columns: ['a', 'b'], right: [], rows: [['x\ny', 'z']] })).toBe(
      ' a | b \n---+---\n x+| z\n y | \n(1 row)\n\n',
    )
  })
  it('do not let a value steer the terminal', () => {
    expect(formatAligned({ columns: ['a'], right: [], rows: [['\x1b[31mred']] })).toContain('\\x1b[31mred')
  })
})

it('expanded tables stand as in psql', () => {
  const table = {
    columns: ['id', 'some_long_name'],
    right: [],
    rows: [
      ['1', 'hello'],
      ['2', ''],
    ],
  }
  expect(formatExpanded(table)).toBe(
    [
      '-[ RECORD 1 ]--+------',
      'id             | 1',
      'some_long_name | hello',
      '-[ RECORD 2 ]--+------',
      'id             | 2',
      'some_long_name | ',
      '',
      '',
    ].join('\n'),
  )
})

it('display width', () => {
  expect(['abc', 'é', 'e\u0301', '日本', '👩‍👩‍👧', '\u200b', 'ｶ'].map(displayWidth)).toEqual([3, 1, 1, 4, 2, 0, 1])
})

it('errors stand as in psql', () => {
  const error = new MillraceError('42703', 'column "x" does not exist', {
    caret: 'LINE 1: SELECT x\n               ^',
    detail: 'So it is.',
    hint: 'Perhaps you meant "y".',
  })
  expect(formatError(error)).toBe(
    'ERROR:  column "x" does not exist\nLINE 1: SELECT x\n               ^\nDETAIL:  So it is.\nHINT:  Perhaps you meant "y".\n',
  )
})

describe('reading statements', () => {
  function read(...lines: string[]): { inputs: Input[]; pending: boolean } {
    const reader = new StatementReader()
    const inputs = lines.flatMap((line) => [...reader.line(line)])
    return { inputs, pending: reader.pending }
  }
  const texts = (...lines: string[]) => read(...lines).inputs.map((input) => input.text)

  it('ends them at a semicolon', () => {
    expect(texts('select', '1;')).toEqual(['select\n1;'])
    expect(texts('select 1; select 2; select')).toEqual(['select 1;', 'select 2;'])
    expect(read('select 1; select 2; select').pending).toBe(true)
  })
  it('but not inside of quotes, comments and dollar quotes', () => {
    expect(texts("select ';", "';")).toEqual(["select ';\n';"])
    expect(texts('select 1 -- ;', ';')).toEqual(['select 1 -- ;\n;'])
    expect(texts('select /* ; */ 1;')).toEqual(['select /* ; */ 1;'])
    expect(texts('select $a$ ; $a$;')).toEqual(['select $a$ ; $a$;'])
    expect(texts('select "a;b";')).toEqual(['select "a;b";'])
  })
  it('takes a backslash command only outside of a statement', () => {
    expect(read('\\d t').inputs).toEqual([{ kind: 'meta', text: '\\d t' }])
    expect(read('select', '\\d').inputs).toEqual([])
    expect(texts('select 1; \\d t')).toEqual(['select 1;', '\\d t'])
  })
  it('passes over nothing', () => {
    expect(texts('', ';', ' ; ;', '-- a')).toEqual([])
  })
  it('takes the last statement of a script without its semicolon', () => {
    const reader = new StatementReader()
    expect([...reader.line('select 1; select 2')].map((input) => input.text)).toEqual(['select 1;'])
    expect([...reader.end()].map((input) => input.text)).toEqual(['select 2'])
    expect([...reader.end()]).toEqual([])
  })
})

it('history keeps a statement as one line', () => {
  expect(oneLine('select\n  a,\n  b;')).toBe('select a, b;')
  expect(oneLine('select 1 -- one\n;')).toBe('select 1 -- one')
})

describe('arguments', () => {
  it('keep the order of -c and -f', () => {
    const { path, inputs } = parseArguments(['-c', 'a', 'db', '-f', 'b', '--command', 'c'])
    expect(path).toBe('db')
    expect(inputs).toEqual([
      { kind: 'command', value: 'a' },
      { kind: 'file', value: 'b' },
      { kind: 'command', value: 'c' },
    ])
    expect(parseArguments([]).path).toBe(':memory:')
  })
  it('are checked', () => {
    expect(() => parseArguments(['--nope'])).toThrow(/--nope/)
    expect(() => parseArguments(['a', 'b'])).toThrow(/one path/)
    expect(() => parseArguments(['-c'])).toThrow()
  })
})
