/** House rules that a reader would otherwise have to remember. */
import { dirname } from 'node:path'
import { describe, expect, it } from 'vitest'
import { read, sourceFiles } from './sources.js'

const code = sourceFiles(/\.(ts|mjs|rs)$/).filter((path) => !path.includes('.generated.'))

describe('every file says why it exists', () => {
  for (const path of code) {
    it(path, () => {
      const text = read(path).replace(/^#!.*\n/, '')
      expect(text.trimStart()).toMatch(path.endsWith('.rs') ? /^(\/\/!|\/\*!|fn main|#!\[)/ : /^(\/\*\*|\/\/)/)
    })
  }
})

it('no folder or file is named for nothing in particular', () => {
  expect(code.filter((path) => /(^|\/)(utils?|helpers?|common|misc|manager)([./]|$)/.test(path))).toEqual([])
})

it('nothing is left unfinished or switched off', () => {
  const mark = /\b(it|test|describe)\.(skip|only|todo)\b|#\[ignore|\btodo!\(|\bunimplemented!\(/
  const self = 'tests/tidy/house.test.ts'
  expect(code.filter((path) => path !== self && mark.test(read(path)))).toEqual([])
})

it('each area has a README', () => {
  const areas = new Set(['sql', 'src', 'native', 'bench', 'tests', 'examples/fraud', 'examples/kafka-broker'])
  for (const path of sourceFiles(/^native\/crates\/[^/]+\/Cargo\.toml$/)) areas.add(dirname(path))
  const present = new Set(sourceFiles(/README\.md$/).map((path) => dirname(path)))
  expect([...areas].filter((area) => !present.has(area))).toEqual([])
})
