/** A result as Markdown: one row a measurement, peers beside us with the ratio, goals with whether they are met. */
import type { Machine } from './machine.js'
import { type Measurement, median, type Outcome } from './suite.js'

export interface SuiteResult extends Outcome {
  readonly suite: string
  readonly started: string
  readonly machine: Machine
  readonly repeat: number
}

const US = 'millrace'

export function markdown(result: SuiteResult): string {
  const { machine, measurements } = result
  const versions = Object.entries(machine.versions).map(([name, version]) => `${name} ${version}`)
  const lines = [
    `# ${result.suite}, ${result.started}`,
    '',
    `${machine.cpu}, ${machine.cores} cores, ${machine.memory_gib} GiB, ${machine.os}; ${versions.join(', ')}; median of ${result.repeat}`,
    '',
    '| case | metric | subject | median | spread | against |',
    '| --- | --- | --- | ---: | ---: | --- |',
    ...measurements.map((one) => row(one, measurements)),
  ]
  const section = (title: string, items: readonly string[] | undefined) => {
    if (items !== undefined && items.length > 0) lines.push('', `${title}:`, '', ...items.map((item) => `- ${item}`))
  }
  section('Not measured', result.missing)
  section('Notes', result.notes)
  return `${lines.join('\n')}\n`
}

function row(one: Measurement, all: readonly Measurement[]): string {
  const value = median(one.values)
  const spread = one.values.length > 1 ? `${number(Math.min(...one.values))}–${number(Math.max(...one.values))}` : ''
  return `| ${one.case} | ${one.metric} (${one.unit}) | ${one.subject} | ${number(value)} | ${spread} | ${against(one, value, all)} |`
}

function against(one: Measurement, value: number, all: readonly Measurement[]): string {
  if (one.subject === US) {
    if (one.goal === undefined) return ''
    const met = one.better === 'higher' ? value >= one.goal : value <= one.goal
    return `goal ${number(one.goal)}: ${met ? 'met' : 'not met'}`
  }
  const us = all.find((other) => other.subject === US && other.case === one.case && other.metric === one.metric)
  if (us === undefined) return ''
  const ratio = one.better === 'higher' ? median(us.values) / value : value / median(us.values)
  return `millrace is ${ratio.toFixed(2)} × as good`
}

/** Three significant digits, with thousands parted. */
export function number(value: number): string {
  if (!Number.isFinite(value)) return String(value)
  if (Math.abs(value) >= 1000) return Math.round(value).toLocaleString('en-US')
  return String(Number(value.toPrecision(3)))
}
