/** Runs what was typed or piped in on a database, and prints what psql would. Shared by scripts and the prompt. */
import { once } from 'node:events'
import {
  type Database,
  type DataType,
  type Field,
  formatText,
  MillraceError,
  type Result,
  type Value,
} from '../index.js'
import { displayWidth, padEnd, padStart } from './display-width.js'
import { formatError } from './error-text.js'
import { runMetaCommand } from './meta-commands.js'
import type { Input } from './statements.js'
import { formatAligned, formatExpanded, type TextTable } from './table.js'

export interface ShellOptions {
  readonly output: NodeJS.WritableStream
  /** Where errors, notices go. */
  readonly errors: NodeJS.WritableStream
  readonly expanded?: boolean
  readonly quiet?: boolean
}

/** Rows that are turned into text at a time: a large result is printed as it is read, after the widths of its first part. */
const PRINT_ROWS = 20_000

export class Shell {
  readonly database: Database
  readonly #output: NodeJS.WritableStream
  readonly #errors: NodeJS.WritableStream
  expanded: boolean
  timing = false
  readonly #quiet: boolean
  /** Set by `\q`. */
  quitting = false
  #running: AbortController | undefined
  #abandoned = false

  constructor(database: Database, options: ShellOptions) {
    this.database = database
    this.#output = options.output
    this.#errors = options.errors
    this.expanded = options.expanded ?? false
    this.#quiet = options.quiet ?? false
  }

  /** Cancels the statement that runs; false when none does. */
  cancel(): boolean {
    if (this.#running === undefined) return false
    this.#running.abort()
    return true
  }

  /** Ends what runs and says no more: whoever was reading is gone. */
  abandon(): void {
    this.quitting = true
    this.#abandoned = true
    this.cancel()
  }

  /** Runs one statement or backslash command. False when it failed; the error is printed. */
  async run(input: Input): Promise<boolean> {
    // A command that runs statements (a script, \watch) is cancelled with them, whole.
    const outer = this.#running
    this.#running = outer ?? new AbortController()
    const { signal } = this.#running
    const started = performance.now()
    try {
      if (input.kind === 'meta') return await runMetaCommand(this, input.text, signal)
      await this.#statement(input.text, signal)
      if (this.timing) await this.print(`Time: ${(performance.now() - started).toFixed(3)} ms\n`)
      return true
    } catch (error) {
      await this.printError(error)
      return false
    } finally {
      this.#running = outer
    }
  }

  async print(text: string): Promise<void> {
    await write(this.#output, text)
  }

  async warn(text: string): Promise<void> {
    await write(this.#errors, text)
  }

  async printError(error: unknown): Promise<void> {
    if (this.#abandoned) return
    if (error instanceof MillraceError) await this.warn(formatError(error))
    else await this.warn(`ERROR:  ${error instanceof Error ? error.message : String(error)}\n`)
  }

  /** A table of texts, in the format that is on. */
  async printTable(table: TextTable, title?: string): Promise<void> {
    await this.print(this.expanded ? formatExpanded(table) : formatAligned(table, title))
  }

  async #statement(text: string, signal: AbortSignal): Promise<void> {
    if (/^(\s|--[^\n]*\n|\/\*.*?\*\/)*subscribe\b/is.test(text)) return await this.#subscribe(text, signal)
    const result = await this.database.query(text, [], { signal })
    for (const notice of result.notices) await this.warn(`NOTICE:  ${notice}\n`)
    for (const warning of result.warnings) await this.warn(`WARNING:  ${warning}\n`)
    if (result.fields.length > 0) await this.#printResult(result)
    else if (result.command !== '' && !this.#quiet) await this.print(`${result.command}\n`)
  }

  async #printResult(result: Result): Promise<void> {
    if (result.rowCount <= PRINT_ROWS || this.expanded)
      return await this.printTable(textTable(result.fields, result.arrays()))
    // Aligning all of a very large result would hold all its text at once: the parts are aligned one by one.
    let rows: Value[][] = []
    for (const batch of result.batches()) {
      rows.push(...batch.arrays())
      if (rows.length < PRINT_ROWS) continue
      await this.print(withoutFooter(formatAligned(textTable(result.fields, rows))))
      rows = []
    }
    if (rows.length > 0) await this.print(withoutFooter(formatAligned(textTable(result.fields, rows))))
    await this.print(`(${result.rowCount} rows)\n\n`)
  }

  /** Prints changes as they come, until it is cancelled. */
  async #subscribe(text: string, signal: AbortSignal): Promise<void> {
    const subscription = await this.database.subscribe(text, { signal })
    const fields: Field[] = [
      { name: 'epoch', data_type: { type: 'bigint' }, nullable: false },
      { name: 'weight', data_type: { type: 'bigint' }, nullable: false },
      ...subscription.fields,
    ]
    let widths = fields.map((field) => displayWidth(field.name))
    let headed = false
    try {
      for await (const { epoch, changes } of subscription) {
        const rows = changes.map(({ weight, row }) => [
          epoch,
          weight,
          ...subscription.fields.map(({ name }) => row[name]!),
        ])
        const table = textTable(fields, rows)
        widths = widths.map((width, at) =>
          table.rows.reduce((most, row) => Math.max(most, displayWidth(row[at]!)), width),
        )
        const line = (cells: readonly string[]) =>
          cells
            .map((cell, at) => ` ${table.right[at] ? padStart(cell, widths[at]!) : padEnd(cell, widths[at]!)} `)
            .join('|')
            .trimEnd()
        if (!headed) {
          const rule = widths.map((width) => '-'.repeat(width + 2)).join('+')
          await this.print(`${line(fields.map((field) => field.name))}\n${rule}\n`)
        }
        headed = true
        await this.print(table.rows.map((row) => `${line(row)}\n`).join(''))
      }
    } catch (error) {
      // The only way to end it is to cancel it, so that is no error.
      if (!(error instanceof MillraceError && error.code === '57014')) throw error
    } finally {
      subscription.close()
    }
  }
}

const NUMBERS: ReadonlySet<DataType['type']> = new Set(['smallint', 'integer', 'bigint', 'real', 'double', 'numeric'])

function textTable(fields: readonly Field[], rows: readonly (readonly Value[])[]): TextTable {
  return {
    columns: fields.map((field) => field.name),
    right: fields.map((field) => NUMBERS.has(field.data_type.type)),
    rows: rows.map((row) => row.map((value, at) => (value === null ? '' : formatText(value, fields[at]!.data_type)))),
  }
}

function withoutFooter(table: string): string {
  return table.replace(/\([^\n]*\)\n\n$/, '')
}

async function write(stream: NodeJS.WritableStream, text: string): Promise<void> {
  if (stream.write(text) || !stream.writable) return
  const settled = new AbortController()
  const { signal } = settled
  try {
    await Promise.race([once(stream, 'drain', { signal }), once(stream, 'close', { signal })])
  } catch {
    // The reader is gone: that is the stream's owner's to handle, and nothing more will be shown.
  } finally {
    settled.abort()
  }
}
