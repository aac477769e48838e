/** The command line of `millrace`. */
import { parseArgs } from 'node:util'

export interface Arguments {
  readonly path: string
  /** `-c` and `-f`, in the order given; none means standard input or a terminal. */
  readonly inputs: readonly { readonly kind: 'command' | 'file'; readonly value: string }[]
  readonly expanded: boolean
  readonly quiet: boolean
  readonly show: 'help' | 'version' | undefined
}

export const HELP = `Millrace: a stream SQL database, at a prompt.

Usage: millrace [path] [options]
       millrace serve [path] [options]     for PostgreSQL's clients; see millrace serve --help

  path                the folder of the database, made when it is not there;
                      without it, a database in memory that ends with the program

  -c, --command SQL   run SQL (and backslash commands), then exit; may be given often
  -f, --file FILE     run a script, then exit; may be given often
  -x, --expanded      print a line a column
  -q, --quiet         print no command tags
  -h, --help          print this, then exit
  -V, --version       print the version, then exit

Without -c and -f, statements are read from standard input. At a terminal, \\? tells the backslash commands.

Exit status: 0 all is well, 1 a wrong option or unreadable script, 2 the database cannot be opened, 3 a statement failed.
`

/** Throws an Error that says what is wrong. */
export function parseArguments(argv: readonly string[]): Arguments {
  const { values, positionals, tokens } = parseArgs({
    args: [...argv],
    allowPositionals: true,
    tokens: true,
    options: {
      command: { type: 'string', short: 'c', multiple: true },
      file: { type: 'string', short: 'f', multiple: true },
      expanded: { type: 'boolean', short: 'x' },
      quiet: { type: 'boolean', short: 'q' },
      help: { type: 'boolean', short: 'h' },
      version: { type: 'boolean', short: 'V' },
    },
  })
  if (positionals.length > 1) throw new Error(`one path, not ${positionals.length}: ${positionals.join(' ')}`)
  const inputs = tokens.flatMap((token) => {
    if (token.kind !== 'option' || token.value === undefined) return []
    const kind = token.name === 'command' ? ('command' as const) : ('file' as const)
    return [{ kind, value: token.value }]
  })
  const show = values.help ? 'help' : values.version ? 'version' : undefined
  const path = positionals[0] ?? ':memory:'
  return { path, inputs, expanded: values.expanded ?? false, quiet: values.quiet ?? false, show }
}
