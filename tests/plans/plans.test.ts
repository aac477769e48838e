/**
 * Golden plans: each case of a `.plan` file is a statement and the text that EXPLAIN gives for it, or its error. `-- expect: rule`
 * and `-- expect-not: rule` say which rewrites must (not) have fired. `UPDATE_PLANS=1` writes the files anew: read the diff.
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { afterAll, describe, expect, test } from 'vitest'
import { SqlError } from '../../sql/index.js'
import { explainText } from './planner.js'

const FOLDER = new URL('./', import.meta.url)
const UPDATE = process.env.UPDATE_PLANS === '1'

interface Case {
  readonly head: string
  readonly sql: string
  readonly expected: string
}

function parseCases(text: string): Case[] {
  return text
    .split(/^====\n/m)
    .filter((block) => block.trim() !== '')
    .map((block) => {
      const [above = '', expected = ''] = block.split(/^----\n/m)
      const lines = above.split('\n')
      const first = lines.findIndex((line) => !line.startsWith('--') && line.trim() !== '')
      return {
        head: lines.slice(0, first).join('\n'),
        sql: lines.slice(first).join('\n').trim(),
        expected: expected.trimEnd(),
      }
    })
}

function planOf(sql: string): string {
  try {
    return explainText(sql).join('\n')
  } catch (error) {
    if (!(error instanceof SqlError)) throw error
    return `error ${error.code}: ${error.message}${error.hint === undefined ? '' : `\nhint: ${error.hint}`}`
  }
}

for (const file of readdirSync(FOLDER).filter((name) => name.endsWith('.plan'))) {
  describe(file, () => {
    const url = new URL(file, FOLDER)
    const cases = parseCases(readFileSync(url, 'utf8'))
    const now: string[] = []
    for (const { head, sql, expected } of cases) {
      test(sql.replace(/\s+/g, ' ').slice(0, 100), () => {
        const plan = planOf(sql)
        now.push(`${head}\n${sql}\n----\n${plan}\n`)
        if (!UPDATE) expect(plan).toBe(expected)
        const fired = head.includes('-- expect') ? explainText(`(trace) ${sql}`).map((line) => line.trim()) : []
        for (const [, not, rule] of head.matchAll(/-- expect(-not)?: (\S+)/g)) {
          if (not === undefined) expect(fired).toContain(rule)
          else expect(fired).not.toContain(rule)
        }
      })
    }
    afterAll(() => {
      if (UPDATE) writeFileSync(url, now.join('\n====\n'))
    })
  })
}
