/** `millrace serve`: the database in a folder for PostgreSQL's clients, until it is told to end. */
import { readFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { type ListenOptions, MillraceError, open } from '../index.js'
import { formatError } from './error-text.js'

export const SERVE_HELP = `Millrace: a database for PostgreSQL's clients.

Usage: millrace serve [path] [options]

  path                      the folder of the database, made when it is not there;
                            without it, a database in memory that ends with the program

  -p, --port PORT           5432 if not given; 0 for any free one
      --host ADDRESS        127.0.0.1 if not given; others need a password
      --password-file FILE  asks every client for the password in the file's first line
      --tls-cert FILE       with --tls-key: lets clients use TLS
      --tls-key FILE
      --max-connections N   100 if not given
      --idle-timeout SECONDS
                            ends clients that are silent for so long
  -h, --help                print this, then exit

The password can also be in the environment, as MILLRACE_PASSWORD. Ctrl-C ends the server.
`

const EXIT_USAGE = 1
const EXIT_OPEN = 2

export async function serve(argv: readonly string[]): Promise<number> {
  let options: Options | 'help'
  try {
    options = optionsOf(argv)
  } catch (error) {
    process.stderr.write(`millrace: ${(error as Error).message}\nTry "millrace serve --help".\n`)
    return EXIT_USAGE
  }
  if (options === 'help') {
    process.stdout.write(SERVE_HELP)
    return 0
  }
  try {
    await using database = await open(options.path)
    const server = await database.listen(options.listen)
    process.stdout.write(`listening on ${server.host}:${server.port}\n`)
    await new Promise<void>((resolve) => {
      for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => resolve())
    })
    return 0
  } catch (error) {
    process.stderr.write(error instanceof MillraceError ? formatError(error) : `ERROR:  ${String(error)}\n`)
    return EXIT_OPEN
  }
}

interface Options {
  readonly path: string
  readonly listen: ListenOptions
}

/** Throws an Error that says what is wrong. */
function optionsOf(argv: readonly string[]): Options | 'help' {
  const { values, positionals } = parseArgs({
    args: [...argv],
    allowPositionals: true,
    options: {
      port: { type: 'string', short: 'p' },
      host: { type: 'string' },
      'password-file': { type: 'string' },
      'tls-cert': { type: 'string' },
      'tls-key': { type: 'string' },
      'max-connections': { type: 'string' },
      'idle-timeout': { type: 'string' },
      help: { type: 'boolean', short: 'h' },
    },
  })
  if (values.help) return 'help'
  if (positionals.length > 1) throw new Error(`one path, not ${positionals.length}: ${positionals.join(' ')}`)
  const [cert, key] = [values['tls-cert'], values['tls-key']]
  if ((cert === undefined) !== (key === undefined)) throw new Error('--tls-cert and --tls-key go together')
  const passwordFile = values['password-file']
  const password =
    passwordFile === undefined ? process.env.MILLRACE_PASSWORD : readFileSync(passwordFile, 'utf8').split(/\r?\n/)[0]
  const idle = count('--idle-timeout', values['idle-timeout'], 1, 2_000_000)
  const listen: ListenOptions = {
    ...defined('host', values.host),
    ...defined('port', count('--port', values.port, 0, 65_535)),
    ...defined('password', password),
    ...defined('maxConnections', count('--max-connections', values['max-connections'], 1, 100_000)),
    ...defined('idleTimeoutMs', idle === undefined ? undefined : idle * 1000),
    ...(cert === undefined || key === undefined
      ? {}
      : { tls: { cert: readFileSync(cert, 'utf8'), key: readFileSync(key, 'utf8') } }),
  }
  return { path: positionals[0] ?? ':memory:', listen }
}

function defined<K extends string, V>(name: K, value: V | undefined): { [P in K]?: V } {
  return value === undefined ? {} : ({ [name]: value } as { [P in K]: V })
}

function count(name: string, text: string | undefined, min: number, max: number): number | undefined {
  if (text === undefined) return undefined
  const value = Number(text)
  if (/^\d+$/.test(text) && value >= min && value <= max) return value
  throw new Error(`${name} takes a number from ${min} to ${max}, not "${text}"`)
}
