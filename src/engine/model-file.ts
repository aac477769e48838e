/** Reads the file of CREATE MODEL: the one file that a statement names and that JavaScript, not the engine, opens. */
import { open } from 'node:fs/promises'
import { resolve } from 'node:path'
import { Code } from '../../sql/index.js'
import { MillraceError } from '../native/errors.js'

/** A model goes whole into one commit of the journal. */
const MODEL_BYTES_MAX = 64 * 1024 * 1024

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'No such file or directory',
  EACCES: 'Permission denied',
  EISDIR: 'Is a directory',
  ENOTDIR: 'Not a directory',
}

/** The bytes of a file, relative to the working directory of the process. */
export async function readModelFile(path: string): Promise<Uint8Array> {
  try {
    const file = await open(resolve(path))
    try {
      const { size } = await file.stat()
      if (size > MODEL_BYTES_MAX) {
        throw new MillraceError(Code.InsufficientResources, `model file "${path}" has ${size} bytes`, {
          detail: `A model may have ${MODEL_BYTES_MAX} bytes.`,
        })
      }
      return await file.readFile()
    } finally {
      await file.close()
    }
  } catch (error) {
    if (error instanceof MillraceError) throw error
    const { code = '', message } = error as NodeJS.ErrnoException
    throw new MillraceError(Code.UndefinedFile, `could not open file "${path}": ${REASONS[code] ?? message}`, {
      hint: code === 'ENOENT' ? `The path is relative to the folder "${process.cwd()}".` : undefined,
      cause: error,
    })
  }
}
