#!/usr/bin/env node
/** The program `millrace`: a script from -c, -f or a pipe, or a prompt at a terminal. */
import { createReadStream, readFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type Database, MillraceError, open } from '../index.js'
import { packageRoot } from '../native/native.js'
import { type Arguments, HELP, parseArguments } from './arguments.js'
import { formatError } from './error-text.js'
import { runText } from './meta-commands.js'
import { runRepl } from './repl.js'
import { runStream } from './script.js'
import { serve } from './serve.js'
import { Shell } from './shell.js'

const EXIT_USAGE = 1
const EXIT_OPEN = 2
const EXIT_SCRIPT = 3

let database: Database | undefined
let shell: Shell | undefined

async function main(): Promise<number> {
  if (process.argv[2] === 'serve') return await serve(process.argv.slice(3))
  let options: Arguments
  try {
    options = parseArguments(process.argv.slice(2))
  } catch (error) {
    process.stderr.write(`millrace: ${(error as Error).message}\nTry "millrace --help".\n`)
    return EXIT_USAGE
  }
  if (options.show !== undefined) {
    process.stdout.write(options.show === 'help' ? HELP : `millrace ${version()}\n`)
    return 0
  }
  try {
    database = await open(options.path)
  } catch (error) {
    process.stderr.write(error instanceof MillraceError ? formatError(error) : `ERROR:  ${String(error)}\n`)
    return EXIT_OPEN
  }
  try {
    return await run(database, options)
  } finally {
    await database.close()
  }
}

async function run(database: Database, options: Arguments): Promise<number> {
  const { expanded, quiet } = options
  if (options.inputs.length === 0 && process.stdin.isTTY) {
    process.stdout.write(`millrace ${version()}. \\? tells the commands, \\q leaves.\n\n`)
    const history = join(homedir(), '.millrace_history')
    await runRepl(database, {
      input: process.stdin,
      output: process.stdout,
      errors: process.stderr,
      history,
      expanded,
      quiet,
    })
    return 0
  }
  const running = new Shell(database, { output: process.stdout, errors: process.stderr, expanded, quiet })
  shell = running
  // Ctrl-C ends the statement that runs, and the script with it.
  process.on('SIGINT', () => {
    running.quitting = true
    running.cancel()
  })
  if (options.inputs.length === 0) return (await runStream(running, process.stdin)) ? 0 : EXIT_SCRIPT
  for (const { kind, value } of options.inputs) {
    try {
      const done =
        kind === 'command' ? await runText(running, value) : await runStream(running, createReadStream(value))
      if (!done) return EXIT_SCRIPT
    } catch (error) {
      process.stderr.write(`millrace: ${value}: ${(error as Error).message}\n`)
      return EXIT_USAGE
    }
    if (running.quitting) break
  }
  return 0
}

function version(): string {
  const manifest = join(packageRoot(dirname(fileURLToPath(import.meta.url))), 'package.json')
  return (JSON.parse(readFileSync(manifest, 'utf8')) as { version: string }).version
}

// A reader that has seen enough (`| head`) is no error: what is written after it has gone is dropped.
for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error
    const leave = () => process.exit(0)
    shell?.abandon()
    if (database === undefined) leave()
    else database.close().then(leave, leave)
  })
}

process.exitCode = await main()
// Standard input may still be open: nothing more is read from it.
process.stdin.destroy()
