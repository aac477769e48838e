/** The backslash commands, as in psql. */
import { readFile } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import type { CatalogEntry, CatalogKind } from '../index.js'
import type { Shell } from './shell.js'
import { StatementReader } from './statements.js'
import { formatAligned } from './table.js'

export const META_HELP = `General
  \\q                 quit
  \\?                 this help
  \\i FILE            run a script
  \\watch [SECONDS] SQL  run SQL every SECONDS (2), until Ctrl-C

Catalog
  \\d                 list tables, streams, sources, views, sinks and models
  \\d NAME            describe one
  \\dt  \\dv  \\ds  \\dm  list tables; views; streams and sources; models
  \\dk                list sinks

Printing
  \\x [on|off]        a line a column
  \\timing [on|off]   how long each statement takes
`

const KIND_NAMES: Readonly<Record<CatalogKind, string>> = {
  stream: 'stream',
  table: 'table',
  source: 'source',
  view: 'view',
  materialized_view: 'materialized view',
  sink: 'sink',
  model: 'model',
  index: 'index',
  check: 'check constraint',
  schema: 'schema',
  generated: 'generated column',
  identity: 'identity column',
}

/** Scripts that include scripts. */
const INCLUDE_DEPTH_MAX = 16
const includeDepth = new WeakMap<Shell, number>()

/** False when the command failed; the error is printed. */
export async function runMetaCommand(shell: Shell, line: string, signal: AbortSignal): Promise<boolean> {
  const [, command = '', rest = ''] = /^\\(\S*)\s*(.*?)\s*;*\s*$/s.exec(line) ?? []
  switch (command) {
    case 'q':
    case 'quit':
      shell.quitting = true
      return true
    case '?':
    case 'h':
    case 'help':
      await shell.print(META_HELP)
      return true
    case 'x':
      return await toggle(shell, rest, 'expanded', 'Expanded display is')
    case 'timing':
      return await toggle(shell, rest, 'timing', 'Timing is')
    case 'i':
    case 'include':
      return await include(shell, rest)
    case 'watch':
      return await watch(shell, rest, signal)
    case 'd':
    case 'd+':
      return rest === '' ? await list(shell, 'List of relations', () => true) : await describeOne(shell, rest)
    case 'dt':
      return await list(shell, 'List of tables', (kind) => kind === 'table')
    case 'dv':
      return await list(shell, 'List of views', (kind) => kind === 'view' || kind === 'materialized_view')
    case 'ds':
      return await list(shell, 'List of streams', (kind) => kind === 'stream' || kind === 'source')
    case 'dm':
      return await list(shell, 'List of models', (kind) => kind === 'model')
    case 'dk':
      return await list(shell, 'List of sinks', (kind) => kind === 'sink')
    default:
      await shell.warn(`invalid command \\${command}\nTry \\? for help.\n`)
      return false
  }
}

async function toggle(shell: Shell, argument: string, setting: 'expanded' | 'timing', label: string): Promise<boolean> {
  if (!['', 'on', 'off'].includes(argument)) {
    await shell.warn(`unrecognized value "${argument}": on or off expected\n`)
    return false
  }
  shell[setting] = argument === '' ? !shell[setting] : argument === 'on'
  await shell.print(`${label} ${shell[setting] ? 'on' : 'off'}.\n`)
  return true
}

async function include(shell: Shell, path: string): Promise<boolean> {
  const depth = includeDepth.get(shell) ?? 0
  if (path === '' || depth >= INCLUDE_DEPTH_MAX) {
    await shell.warn(
      path === ''
        ? '\\i: missing required argument\n'
        : `\\i: more than ${INCLUDE_DEPTH_MAX} scripts inside each other\n`,
    )
    return false
  }
  let text: string
  try {
    text = await readFile(path, 'utf8')
  } catch (error) {
    await shell.warn(
      `${path}: ${(error as NodeJS.ErrnoException).code === 'ENOENT' ? 'No such file or directory' : String(error)}\n`,
    )
    return false
  }
  includeDepth.set(shell, depth + 1)
  try {
    return await runText(shell, text)
  } finally {
    includeDepth.set(shell, depth)
  }
}

/** Runs a script's text; stops at the first error. */
export async function runText(shell: Shell, text: string): Promise<boolean> {
  const reader = new StatementReader()
  for (const line of text.split(/\r?\n/)) {
    for (const input of reader.line(line)) {
      if (!(await shell.run(input))) return false
      if (shell.quitting) return true
    }
  }
  for (const input of reader.end()) if (!(await shell.run(input))) return false
  return true
}

async function watch(shell: Shell, argument: string, signal: AbortSignal): Promise<boolean> {
  const [, seconds = '2', sql = ''] = /^(\d+(?:\.\d+)?)?\s*(.*)$/s.exec(argument) ?? []
  if (sql === '') {
    await shell.warn('\\watch: SQL expected, as in \\watch 1 SELECT count(*) FROM t\n')
    return false
  }
  while (!signal.aborted) {
    await shell.print(`${new Date().toISOString()} (every ${seconds}s)\n\n`)
    if (!(await shell.run({ kind: 'statement', text: sql }))) return signal.aborted
    await sleep(Number(seconds) * 1000, undefined, { signal }).catch(() => undefined)
  }
  return true
}

async function list(shell: Shell, title: string, accept: (kind: CatalogKind) => boolean): Promise<boolean> {
  const entries = shell.database.catalog().filter((entry) => accept(entry.kind))
  if (entries.length === 0) {
    await shell.warn('Did not find any relations.\n')
    return true
  }
  const rows = entries
    .map((entry) => [entry.name, KIND_NAMES[entry.kind], entry.columns.map((column) => column.name).join(', ')])
    .sort(([a = ''], [b = '']) => (a < b ? -1 : 1))
    .map(([name = '', kind = '', columns = '']) => [
      name,
      kind,
      columns.length > 60 ? `${columns.slice(0, 59)}…` : columns,
    ])
  await shell.printTable({ columns: ['Name', 'Type', 'Columns'], right: [], rows }, title)
  return true
}

async function describeOne(shell: Shell, argument: string): Promise<boolean> {
  // As in SQL: folded to lower case unless quoted.
  const name = /^".*"$/.test(argument) ? argument.slice(1, -1).replaceAll('""', '"') : argument.toLowerCase()
  const entry = shell.database.catalog().find((candidate) => candidate.name === name)
  if (entry === undefined) {
    await shell.warn(`Did not find any relation named "${name}".\n`)
    return false
  }
  await shell.print(describeText(entry))
  return true
}

function describeText(entry: CatalogEntry): string {
  const kind = KIND_NAMES[entry.kind]
  const title = `${kind.charAt(0).toUpperCase()}${kind.slice(1)} "${entry.name}"`
  const table = {
    columns: ['Column', 'Type', 'Nullable', 'Default'],
    right: [],
    rows: entry.columns.map((column) => [
      column.name,
      column.type,
      column.nullable ? '' : 'not null',
      column.default ?? '',
    ]),
  }
  const lines: string[] = []
  if (entry.columns.length > 0)
    lines.push(
      formatAligned(table, title)
        .replace(/\([^\n]*\)\n\n$/, '')
        .trimEnd(),
    )
  else lines.push(title)
  if (entry.primaryKey.length > 0) lines.push(`Primary key: ${entry.primaryKey.join(', ')}`)
  for (const [name, value] of entry.properties) lines.push(`${name.charAt(0).toUpperCase()}${name.slice(1)}: ${value}`)
  if (entry.dependsOn.length > 0) lines.push(`Reads: ${entry.dependsOn.join(', ')}`)
  if (entry.kind.endsWith('view') || entry.kind === 'sink')
    lines.push('Definition:', `    ${entry.sql.trim().replaceAll('\n', '\n    ')}`)
  return `${lines.join('\n')}\n\n`
}
