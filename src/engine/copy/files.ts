/** The files of COPY: of the machine that the database runs on, relative to the working directory of the process. */
import { createReadStream } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { resolve } from 'node:path'
import { Code } from '../../../sql/index.js'
import { MillraceError } from '../../native/errors.js'

/** Text that is written in one go. */
const PART_LENGTH = 256 << 10

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'No such file or directory',
  EACCES: 'Permission denied',
  EISDIR: 'Is a directory',
  ENOTDIR: 'Not a directory',
}

export async function* readFile(path: string): AsyncGenerator<Uint8Array, undefined> {
  try {
    for await (const chunk of createReadStream(resolve(path), { highWaterMark: 1 << 20 })) yield chunk as Buffer
  } catch (error) {
    throw unopened(path, 'reading', error)
  }
  return undefined
}

export async function writeFile(path: string, parts: Iterator<string, number>): Promise<number> {
  let file: FileHandle
  try {
    file = await open(resolve(path), 'w')
  } catch (error) {
    throw unopened(path, 'writing', error)
  }
  try {
    let text = ''
    for (;;) {
      const { done, value } = parts.next()
      if (done === true || text.length > PART_LENGTH) {
        await file.write(text)
        text = ''
      }
      if (done === true) return value
      text += value
    }
  } finally {
    await file.close()
  }
}

function unopened(path: string, what: string, error: unknown): MillraceError {
  const { code = '', message } = error as NodeJS.ErrnoException
  return new MillraceError(
    Code.UndefinedFile,
    `could not open file "${path}" for ${what}: ${REASONS[code] ?? message}`,
    {
      hint: "COPY reads and writes files of the machine that the database runs on; psql's \\copy those of the client.",
      cause: error,
    },
  )
}
