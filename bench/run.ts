/** The command: picks suites, runs them one after another, writes their results. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { machine, root } from './machine.js'
import { SUITES } from './registry.js'
import { markdown } from './report.js'
import type { Suite } from './suite.js'

const REPEAT = 3

const USAGE = `usage: npm run bench -- <suite>... [--rows N] [--repeat N] [--scale F] [--json]

${SUITES.map((suite) => `  ${suite.name.padEnd(10)} ${suite.about}`).join('\n')}

  --rows N    rows of each measurement (default: each suite's own)
  --repeat N  repetitions, of which the median counts (default: ${REPEAT})
  --scale F   scale factor of tpch (default: 1)
  --json      prints JSON instead of a table
`

function positive(name: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  const value = Number(text.replaceAll('_', ''))
  if (!(Number.isSafeInteger(value) && value > 0))
    throw new Error(`--${name} takes a positive whole number, not "${text}"`)
  return value
}

function suiteNamed(name: string): Suite {
  const suite = SUITES.find((one) => one.name === name)
  if (suite === undefined)
    throw new Error(`there is no suite "${name}"; there are ${SUITES.map((one) => one.name).join(', ')}`)
  return suite
}

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      rows: { type: 'string' },
      repeat: { type: 'string' },
      scale: { type: 'string' },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  })
  if (values.help || positionals.length === 0) {
    process.stdout.write(USAGE)
    return
  }
  const rows = positive('rows', values.rows)
  const repeat = positive('repeat', values.repeat) ?? REPEAT
  const scale = values.scale === undefined ? undefined : Number(values.scale)
  if (scale !== undefined && !(scale > 0)) throw new Error(`--scale takes a positive number, not "${values.scale}"`)
  const report = (line: string) => process.stderr.write(`${line}\n`)
  for (const suite of positionals.map(suiteNamed)) {
    report(`bench ${suite.name}: ${suite.about}`)
    const started = new Date()
    const outcome = await suite.run({ rows, repeat, scale, report })
    const result = { suite: suite.name, started: started.toISOString(), machine: machine(), repeat, ...outcome }
    const folder = join(root, 'bench', 'results')
    mkdirSync(folder, { recursive: true })
    const name = join(folder, `${suite.name}-${result.started.replaceAll(':', '').slice(0, 17)}`)
    const json = `${JSON.stringify(result, null, 2)}\n`
    const table = markdown(result)
    writeFileSync(`${name}.json`, json)
    writeFileSync(`${name}.md`, table)
    process.stdout.write(values.json ? json : table)
    report(`written to ${name}.json and .md`)
  }
}

main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`)
  process.exitCode = 1
})
