/** Where the files of the example lie that are not code: the compiled program runs from dist/, they stay in the sources. */
import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

function packageRoot(): string {
  let folder = dirname(fileURLToPath(import.meta.url))
  while (!existsSync(join(folder, 'package.json'))) {
    const parent = dirname(folder)
    if (parent === folder) throw new Error('package.json not found above this file')
    folder = parent
  }
  return folder
}

export const FOLDER = join(packageRoot(), 'examples', 'fraud')
export const MODEL_PATH = join(FOLDER, 'model', 'fraud.onnx')

export function readSql(name: string): Promise<string> {
  return readFile(join(FOLDER, 'sql', name), 'utf8')
}
