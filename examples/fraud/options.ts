/** The options of `npm start`, checked before anything is touched. */
import { parseArgs } from 'node:util'
import { CARDS_MAX } from './cards.js'

export interface Options {
  readonly help: boolean
  readonly swipes: number
  readonly cards: number
  readonly seed: number
  readonly dir: string
  readonly keep: boolean
  /** Swipes a second; undefined is as fast as the pipeline takes them. */
  readonly rate: number | undefined
  readonly kafka: boolean
  /** A broker that runs already; undefined starts one. */
  readonly brokers: string | undefined
}

export const SWIPES_MAX = 1_000_000_000
const RATE_MAX = 10_000_000
const SEED_MAX = 0xffff_ffff
const DEFAULTS = { swipes: 1_000_000, cards: 20_000, seed: 42, dir: '.millrace/fraud' }

export const HELP = `Usage: npm start -- [options]

Runs the card-fraud job: swipes are joined with their card's history, scored by a model, and the suspicious ones are
flagged with the reasons in words. On a terminal it then leaves you at a prompt on the same database.

  --swipes N           swipes to send through (${DEFAULTS.swipes})
  --cards N            cards that make them (${DEFAULTS.cards})
  --seed N             seed of the generator (${DEFAULTS.seed}); the same seed gives the same swipes
  --rate N             swipes a second (as fast as the pipeline takes them)
  --dir PATH           folder of the database (${DEFAULTS.dir}); made anew, unless --keep
  --keep               go on in the database that is there, with the swipes after those it has
  --kafka              read the swipes from Kafka and write the alerts to it; starts a broker of its own (Java, Maven)
  --brokers HOST:PORT  use this Kafka broker, with --kafka
  --help               show this
`

/** A mistake in the options; the message is for the person who typed them. */
export class OptionError extends Error {}

export function parseOptions(args: readonly string[]): Options {
  const { values } = parse(args)
  const { keep = false, kafka = false, help = false, brokers, dir = DEFAULTS.dir } = values
  if (brokers !== undefined && !kafka) throw new OptionError('--brokers needs --kafka')
  if (brokers !== undefined && !/^[^\s:,]+:\d{1,5}(,[^\s:,]+:\d{1,5})*$/.test(brokers)) {
    throw new OptionError(`--brokers takes HOST:PORT, not "${brokers}"`)
  }
  if (keep && kafka) throw new OptionError('--keep cannot be used with --kafka: the broker starts empty')
  if (dir.trim() === '') throw new OptionError('--dir takes a path')
  return {
    help,
    keep,
    kafka,
    brokers,
    dir,
    swipes: integer('swipes', values.swipes, DEFAULTS.swipes, 1, SWIPES_MAX),
    cards: integer('cards', values.cards, DEFAULTS.cards, 1, CARDS_MAX),
    seed: integer('seed', values.seed, DEFAULTS.seed, 0, SEED_MAX),
    rate: values.rate === undefined ? undefined : integer('rate', values.rate, 0, 1, RATE_MAX),
  }
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      strict: true,
      allowPositionals: false,
      options: {
        swipes: { type: 'string' },
        cards: { type: 'string' },
        seed: { type: 'string' },
        rate: { type: 'string' },
        dir: { type: 'string' },
        keep: { type: 'boolean' },
        kafka: { type: 'boolean' },
        brokers: { type: 'string' },
        help: { type: 'boolean', short: 'h' },
      },
    })
  } catch (error) {
    // Node appends advice on `--`, which would mislead after npm's own `--`.
    throw new OptionError((error as Error).message.split(/\. (?:To specify|Did you)/)[0]!)
  }
}

function integer(name: string, text: string | undefined, otherwise: number, least: number, most: number): number {
  if (text === undefined) return otherwise
  const value = /^\d[\d_,]*$/.test(text) ? Number(text.replaceAll(/[_,]/g, '')) : Number.NaN
  if (value >= least && value <= most) return value
  throw new OptionError(`--${name} takes a whole number from ${least} to ${most}, not "${text}"`)
}
