/** The prompt: lines in, statements out to the shell, until Ctrl-D or `\q`. */
import { createInterface, type Interface } from 'node:readline'
import type { Database } from '../index.js'
import { complete } from './completion.js'
import { HISTORY_ENTRIES_MAX, History } from './history.js'
import { Shell } from './shell.js'
import { type Input, StatementReader } from './statements.js'

export interface ReplOptions {
  readonly input: NodeJS.ReadableStream
  readonly output: NodeJS.WritableStream
  /** Where errors go; `output` if not given. */
  readonly errors?: NodeJS.WritableStream
  /** Queries to try, shown first. The arrow keys bring them up. */
  readonly suggestions?: readonly string[]
  /** The file of the history; none if not given. */
  readonly history?: string
  readonly expanded?: boolean
  readonly quiet?: boolean
  /** Whether to edit lines on a terminal; if not given, whether `output` is one. */
  readonly terminal?: boolean
}

const PROMPT = 'millrace=> '
const PROMPT_MORE = 'millrace-> '

/** Runs a prompt on an open database and resolves when the person leaves it. The database stays open. */
export async function runRepl(database: Database, options: ReplOptions): Promise<void> {
  const { input, output, errors = output, expanded, quiet } = options
  const shell = new Shell(database, { output, errors, ...(expanded && { expanded }), ...(quiet && { quiet }) })
  const history = new History(options.history)
  for (const suggestion of options.suggestions?.toReversed() ?? []) history.suggest(suggestion)
  if (options.suggestions && options.suggestions.length > 0) {
    await shell.print(`Try:\n${options.suggestions.map((sql) => `  ${sql.replaceAll('\n', '\n  ')}\n`).join('')}\n`)
  }
  const terminal = options.terminal ?? (output as NodeJS.WriteStream).isTTY ?? false
  const lines = createInterface({
    input,
    output,
    terminal,
    history: history.newestFirst(),
    historySize: HISTORY_ENTRIES_MAX,
    removeHistoryDuplicates: true,
    completer: (line: string) => complete(database, line),
  })
  await new Prompt(shell, lines, history, terminal).run()
}

class Prompt {
  readonly #shell: Shell
  readonly #lines: Interface
  readonly #history: History
  readonly #reader = new StatementReader()
  /** The lines of the statement that is being typed. */
  #typed: string[] = []
  /** Lines that came while a statement ran, typed ahead or pasted. */
  readonly #waiting: string[] = []
  #busy = false
  #ended = false

  readonly #terminal: boolean

  constructor(shell: Shell, lines: Interface, history: History, terminal: boolean) {
    this.#terminal = terminal
    this.#shell = shell
    this.#lines = lines
    this.#history = history
  }

  run(): Promise<void> {
    return new Promise((resolve, reject) => {
      const finish = () => {
        if (this.#ended && !this.#busy) resolve()
      }
      this.#lines.on('line', (line) => {
        this.#waiting.push(line)
        this.#work().then(finish, reject)
      })
      this.#lines.on('SIGINT', () => this.#interrupt())
      this.#lines.on('close', () => {
        this.#ended = true
        // Ctrl-D does not wait for a statement. The end of a pipe does: its lines are all there to be run.
        if (this.#terminal) this.#shell.cancel()
        finish()
      })
      this.#prompt()
    })
  }

  async #work(): Promise<void> {
    if (this.#busy) return
    this.#busy = true
    try {
      for (
        let line = this.#waiting.shift();
        line !== undefined && !this.#shell.quitting;
        line = this.#waiting.shift()
      ) {
        this.#typed.push(line)
        for (const input of this.#reader.line(line)) {
          this.#remember(input)
          await this.#shell.run(input)
          if (this.#shell.quitting) break
        }
        if (!this.#reader.pending) this.#typed = []
      }
    } finally {
      this.#busy = false
    }
    if (this.#shell.quitting) this.#lines.close()
    else if (!this.#ended) this.#prompt()
  }

  /** readline keeps each line; what is wanted back is the statement. */
  #remember(input: Input): void {
    const text = this.#typed.length > 0 ? this.#typed.join('\n') : input.text
    const typed = this.#typed.length
    this.#typed = []
    if (typed === 0) return
    this.#history.add(text)
    const { history } = this.#lines as Interface & { history?: string[] }
    if (history === undefined || typed === 1) return
    const newest = this.#history.newestFirst()
    history.splice(0, history.length, ...newest)
  }

  #interrupt(): void {
    if (this.#busy) {
      this.#shell.cancel()
      return
    }
    this.#reader.clear()
    this.#typed = []
    // What stood on the line is dropped, as a shell does.
    this.#lines.write(null, { ctrl: true, name: 'e' })
    this.#lines.write(null, { ctrl: true, name: 'u' })
    void this.#shell.print('^C\n').then(() => this.#prompt())
  }

  #prompt(): void {
    this.#lines.setPrompt(this.#reader.pending ? PROMPT_MORE : PROMPT)
    this.#lines.prompt()
  }
}
