/** JSON messages → Arrow on one core: the program `decode_rate` of the crate `connect`, once a repetition. */
import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { root } from '../machine.js'
import type { Suite } from '../suite.js'

interface Rates {
  readonly bytes_a_message: number
  readonly messages_a_second: number
  readonly arrow_json_messages_a_second: number
}

const MESSAGES = 1_000_000
const GOAL = 500_000

export const decode: Suite = {
  name: 'decode',
  about: 'JSON messages to Arrow on one core, beside arrow-json',
  async run({ rows = MESSAGES, repeat, report }) {
    const args = ['run', '--quiet', '--release', '--manifest-path', join(root, 'native', 'Cargo.toml')]
    args.push('-p', 'millrace-connect', '--example', 'decode_rate', '--', String(rows))
    const rates: Rates[] = []
    for (let turn = 1; turn <= repeat; turn++) {
      rates.push(
        JSON.parse(execFileSync('cargo', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] })) as Rates,
      )
      report(`  ${turn} of ${repeat}`)
    }
    const metric = { case: 'swipes', metric: 'rate', unit: 'messages/s', better: 'higher' } as const
    return {
      measurements: [
        { ...metric, subject: 'millrace', values: rates.map((rate) => rate.messages_a_second), goal: GOAL },
        { ...metric, subject: 'arrow-json', values: rates.map((rate) => rate.arrow_json_messages_a_second) },
      ],
      notes: [
        `messages of ${rates[0]?.bytes_a_message ?? 0} bytes on average, 9 fields of 5 types`,
        'arrow-json takes what JSON does not allow (missing commas) and cuts 1.5 to the integer 1; the decoder measured here refuses both',
      ],
    }
  },
}
