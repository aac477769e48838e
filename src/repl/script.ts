/** Runs a script from a stream, statement by statement as they come in: a pipe's first results are out before its end. */
import type { Shell } from './shell.js'
import { StatementReader } from './statements.js'

/** False at the first error, which is printed; nothing after it is run. */
export async function runStream(shell: Shell, input: AsyncIterable<string | Buffer>): Promise<boolean> {
  const reader = new StatementReader()
  const decoder = new TextDecoder()
  let rest = ''
  for await (const chunk of input) {
    const lines = (rest + (typeof chunk === 'string' ? chunk : decoder.decode(chunk, { stream: true }))).split(/\r?\n/)
    rest = lines.pop() ?? ''
    for (const line of lines) {
      for (const statement of reader.line(line)) {
        if (!(await shell.run(statement))) return false
        if (shell.quitting) return true
      }
    }
  }
  for (const statement of reader.line(rest)) if (!(await shell.run(statement))) return false
  for (const statement of reader.end()) if (!(await shell.run(statement))) return false
  return true
}
