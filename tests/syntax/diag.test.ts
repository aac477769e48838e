/** The parts of errors: codes equal on both sides, carets, did-you-mean. */
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { placeOf } from '../../sql/diag/caret.js'
import { Code } from '../../sql/diag/codes.js'
import { SqlError } from '../../sql/diag/error.js'
import { editDistance, suggest } from '../../sql/diag/suggest.js'

test('codes equal those of the native side', () => {
  const source = readFileSync(new URL('../../native/crates/base/src/error.rs', import.meta.url), 'utf8')
  const table = source.slice(source.indexOf('codes! {'))
  const native = [...table.matchAll(/^\s+(\w+) = "(\w{5})",$/gm)].map(([, name, code]) => [name, code])
  expect(native.length).toBeGreaterThan(30)
  expect(Object.entries(Code)).toEqual(native)
})

test('placeOf', () => {
  expect(placeOf('a\nbc\n', 3)).toEqual({ line: 2, column: 2, caret: 'LINE 2: bc\n         ^' })
  expect(placeOf('a\nbc\n', 5)).toEqual({ line: 3, column: 1, caret: 'LINE 3: \n        ^' })
  expect(placeOf('', 0)).toEqual({ line: 1, column: 1, caret: 'LINE 1: \n        ^' })
  expect(placeOf('😀x', 2)).toMatchObject({ column: 2, caret: 'LINE 1: 😀x\n         ^' })
  expect(placeOf('abc', 99).column).toBe(4)
})

test('an error is located once its text is known', () => {
  const error = new SqlError(Code.UndefinedColumn, 'column "b" does not exist', { at: { start: 7 }, hint: 'Look.' })
  expect(error.caret).toBeUndefined()
  expect(error.locate('select b')).toMatchObject({ code: '42703', position: 8, line: 1, column: 8, hint: 'Look.' })
  expect(error.caret).toBe('LINE 1: select b\n               ^')
  expect(new SqlError(Code.InternalError, 'x').locate('y').position).toBeUndefined()
})

test('suggest', () => {
  const names = ['amount', 'card_id', 'merchant', 'ts']
  expect(suggest('amuont', names)).toBe('amount')
  expect(suggest('cardid', names)).toBe('card_id')
  expect(suggest('MERCHANTS', names)).toBe('merchant')
  expect(suggest('tss', names)).toBe('ts')
  expect(suggest('city', names)).toBeUndefined()
  expect(suggest('x', names)).toBeUndefined()
  expect(suggest('amount', [])).toBeUndefined()
})

test('editDistance', () => {
  expect(editDistance('', 'abc', 9)).toBe(3)
  expect(editDistance('form', 'from', 9)).toBe(1)
  expect(editDistance('kitten', 'sitting', 9)).toBe(3)
  expect(editDistance('aaaaaaaa', 'bbbbbbbb', 2)).toBe(3)
})
