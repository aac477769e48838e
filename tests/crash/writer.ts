/**
 * A process that is going to be killed. It loads the engine, says so, and waits for a line with a database's path and the
 * first step of each writer; then all writers commit step after step, and tell each one that is acknowledged.
 */
import { writeSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { open } from '../../src/index.js'
import { JOURNAL_FILE_BYTES, step } from './history.js'

writeSync(1, 'loaded\n')
const [line] = await new Promise<string[]>((resolve) =>
  createInterface(process.stdin).once('line', (text) => resolve([text])),
)
const { path, from } = JSON.parse(line!) as { path: string; from: number[] }
const db = await open(path, { journalFileBytes: JOURNAL_FILE_BYTES })

async function write(writer: number, first: number): Promise<never> {
  for (let n = first; ; n++) {
    const { statements } = step(writer, n)
    if (statements.length === 1) await db.query(statements[0]!)
    else
      await db.transaction(async (tx) => {
        for (const statement of statements) await tx.query(statement)
      })
    writeSync(1, `${writer} ${n}\n`)
  }
}

await Promise.all(from.map((first, writer) => write(writer, first)))
