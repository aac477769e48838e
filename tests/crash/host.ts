/**
 * A process whose system calls fail: it opens databases and runs statements as lines of JSON tell it, and answers each with
 * a line. It must outlive every fault.
 */
import { createInterface } from 'node:readline'
import { type Database, MillraceError, open } from '../../src/index.js'
import { JOURNAL_FILE_BYTES } from './history.js'

let db: Database | undefined

async function answer(line: string): Promise<unknown> {
  const { open: path, close, sql } = JSON.parse(line) as { open?: string; close?: boolean; sql?: string }
  try {
    if (path !== undefined) db = await open(path, { journalFileBytes: JOURNAL_FILE_BYTES })
    else if (close) await db?.close()
    else return { rows: (await db!.query(sql!)).rows }
    return {}
  } catch (error) {
    if (!(error instanceof MillraceError)) throw error
    return { error: { code: error.code, message: error.message, hint: error.hint } }
  }
}

const text = (_key: string, value: unknown) => (typeof value === 'bigint' ? Number(value) : value)

for await (const line of createInterface(process.stdin)) {
  process.stdout.write(`${JSON.stringify(await answer(line), text)}\n`)
}
process.exit(0)
