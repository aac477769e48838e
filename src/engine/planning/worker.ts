/** The planning thread's own side: parses and plans what would keep JavaScript's thread for too long. */
import { parentPort } from 'node:worker_threads'
import { type Catalog, type Compiled, createCatalog, parseScript, type Statement } from '../../../sql/index.js'
import { decodeDefinitions, encodeCommand, within } from '../../native/encode.js'
import { toMillraceError } from '../../native/errors.js'
import { plan } from './plan.js'
import type { Answer, Message, Request, Thrown } from './protocol.js'
import { headOf, type Planned } from './script.js'

const scripts = new Map<number, { readonly text: string; readonly statements: readonly Statement[] }>()
let catalog: Catalog = createCatalog([])

if (parentPort === null) throw new Error('this is a thread, not a program')
const port = parentPort
port.on('message', (message: Message) => {
  if (message.ask === 'forget') {
    scripts.delete(message.script)
    return
  }
  let answer: Answer
  try {
    answer = answerTo(message)
  } catch (error) {
    answer = { error: thrown(error) }
  }
  port.postMessage(answer, moved(answer))
})

/** The bytes that are handed over instead of copied. */
function moved(answer: Answer): ArrayBuffer[] {
  if (!('planned' in answer) || !('command' in answer.planned)) return []
  const { command } = answer.planned
  return 'encoded' in command ? [command.encoded.buffer as ArrayBuffer] : []
}

function answerTo(request: Request): Answer {
  if (request.ask === 'parse') {
    const { script, text } = request
    const statements = parseScript(text).statements.map(({ tree }) => tree)
    scripts.set(script, { text, statements })
    return { heads: statements.map(headOf) }
  }
  if (request.catalog !== undefined) catalog = createCatalog(decodeDefinitions(request.catalog))
  const script = scripts.get(request.script)
  const statement = script?.statements[request.index]
  if (script === undefined || statement === undefined) throw new Error(`there is no statement ${request.index} to plan`)
  const { nextId, parameters, transaction, settings } = request
  const compiled = plan(statement, request.form, script.text, { catalog, nextId, parameters, settings })
  return { planned: encoded(compiled, transaction) }
}

/** Commands go on as bytes: their trees are large, and to copy them would take the other thread as long as planning. */
function encoded(compiled: Compiled, transaction: bigint | null): Planned {
  // A plan that values are filled into stays a tree.
  if (!('command' in compiled) || ('parameters' in compiled && compiled.parameters !== undefined)) return compiled
  const command = within(compiled.command, transaction)
  // A buffer of its own: the packer's is used again.
  const bytes = new Uint8Array(encodeCommand(command))
  const { command: name } = command
  return {
    ...compiled,
    command: {
      command: name,
      encoded: bytes,
      ...('transaction' in command ? { transaction: command.transaction } : {}),
    },
  } as Planned
}

function thrown(error: unknown): Thrown {
  const { code, message, detail, hint, position, line, column, caret } = toMillraceError(error)
  return { code, message, detail, hint, position, line, column, caret }
}
