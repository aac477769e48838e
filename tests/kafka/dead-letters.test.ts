/** The binder makes the dead-letter stream and the reader fills it: both must mean the same columns. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { DEAD_LETTER_FIELDS } from '../../sql/catalog/dead-letters.js'
import { root } from '../tidy/sources.js'

it('the dead-letter columns of the binder are those of the reader', () => {
  const text = readFileSync(join(root, 'native/crates/connect/src/dead_letter.rs'), 'utf8')
  const fields = [...text.matchAll(/field\("(\w+)", DataType::(\w+), (true|false)\)/g)].map(
    ([, name, type, nullable]) => ({
      name,
      data_type: { type: type?.toLowerCase() },
      nullable: nullable === 'true',
    }),
  )
  expect(fields).toEqual(DEAD_LETTER_FIELDS)
})
