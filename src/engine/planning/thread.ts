/** Long texts are parsed and planned on a thread of their own, which begins with the first of them: planning is synchronous, and
 *  the event loop would stand still for as long as it takes. */
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Worker } from 'node:worker_threads'
import { Code } from '../../../sql/index.js'
import { closed, MillraceError } from '../../native/errors.js'
import { packageRoot } from '../../native/native.js'
import type { CatalogSnapshot } from './catalog-snapshot.js'
import type { Answer, Message, Request } from './protocol.js'
import type { Asked, Planned, Script, StatementHead } from './script.js'

interface Waiting {
  readonly resolve: (answer: Answer) => void
  readonly reject: (error: unknown) => void
}

/** One life of the thread: a new one knows nothing of what the one before it was told. */
class Life {
  readonly worker: Worker
  /** The requests that are not answered, in their order. */
  readonly waiting: Waiting[] = []
  catalog: CatalogSnapshot | undefined

  constructor() {
    const root = packageRoot(dirname(fileURLToPath(import.meta.url)))
    const file = join(root, 'dist', 'src', 'engine', 'planning', 'worker.js')
    this.worker = new Worker(file, { name: 'millrace-planning', execArgv: [] })
    this.worker.unref()
  }

  end(error: unknown): void {
    this.worker.unref()
    for (const { reject } of this.waiting.splice(0)) reject(error)
  }
}

export class PlanningThread {
  #life: Life | undefined
  #scripts = 0
  #closed = false

  script(text: string): Script {
    this.#scripts += 1
    return new ThreadScript(this, this.#scripts, text)
  }

  /** What waits for the thread rejects. */
  async close(): Promise<void> {
    this.#closed = true
    const life = this.#life
    this.#life = undefined
    life?.end(closed('database'))
    await life?.worker.terminate()
  }

  /** The thread, and whether it is the one that `before` was. */
  begin(): Life {
    if (this.#closed) throw closed('database')
    if (this.#life !== undefined) return this.#life
    const life = new Life()
    const over = (error: unknown) => {
      if (this.#life === life) this.#life = undefined
      life.end(
        new MillraceError(Code.InternalError, 'the planning thread ended', {
          detail: error instanceof Error ? `${error.message}.` : undefined,
          hint: 'A statement may be too large for its memory.',
          cause: error,
        }),
      )
    }
    life.worker.on('error', over)
    life.worker.on('exit', over)
    life.worker.on('message', (answer: Answer) => {
      life.waiting.shift()?.resolve(answer)
      if (life.waiting.length === 0) life.worker.unref()
    })
    this.#life = life
    return life
  }

  ask(life: Life, request: Request): Promise<Answer> {
    return new Promise((resolve, reject) => {
      life.worker.postMessage(request satisfies Message)
      life.waiting.push({ resolve, reject })
      // The process must not end while somebody waits.
      life.worker.ref()
    })
  }
}

class ThreadScript implements Script {
  readonly #thread: PlanningThread
  readonly #number: number
  readonly #text: string
  #life: Life | undefined
  #heads: Promise<readonly StatementHead[]> | undefined

  constructor(thread: PlanningThread, number: number, text: string) {
    this.#thread = thread
    this.#number = number
    this.#text = text
  }

  heads(): Promise<readonly StatementHead[]> {
    this.#heads ??= this.#parse()
    return this.#heads
  }

  async plan(index: number, { form, catalog, nextId, parameters, transaction, settings }: Asked): Promise<Planned> {
    const life = this.#thread.begin()
    if (life !== this.#life) this.#heads = this.#parse()
    await this.heads()
    const known = life.catalog === catalog
    life.catalog = catalog
    const answer = await this.#thread.ask(life, {
      ask: 'plan',
      script: this.#number,
      index,
      form,
      nextId,
      parameters,
      transaction,
      settings,
      catalog: known ? undefined : catalog.bytes,
    })
    if ('planned' in answer) return answer.planned
    throw failure(answer)
  }

  close(): void {
    this.#life?.worker.postMessage({ ask: 'forget', script: this.#number } satisfies Message)
  }

  async #parse(): Promise<readonly StatementHead[]> {
    const life = this.#thread.begin()
    this.#life = life
    const answer = await this.#thread.ask(life, { ask: 'parse', script: this.#number, text: this.#text })
    if ('heads' in answer) return answer.heads
    throw failure(answer)
  }
}

function failure(answer: Answer): MillraceError {
  if (!('error' in answer)) return new MillraceError(Code.InternalError, 'the planning thread answered something else')
  const { code, message, ...parts } = answer.error
  return new MillraceError(code, message, parts)
}
