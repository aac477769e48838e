/** Events of Nexmark's auction site, seeded: persons, auctions and bids as its generator spreads them (1 : 3 : 46), with hot
 *  auctions and hot bidders, and the fields that it fills with random letters. */
import { Random } from '../../examples/fraud/random.js'

export type Row = Readonly<Record<string, bigint | string>>

export interface NexmarkTable {
  readonly name: 'person' | 'auction' | 'bid'
  /** SQL types by column; both sides know them. */
  readonly columns: Readonly<Record<string, 'BIGINT' | 'TEXT' | 'TIMESTAMP'>>
  readonly rows: Row[]
}

const PROPORTION = { person: 1, auction: 3, total: 50 } as const
const HOT = 100
const CHANNELS = ['Google', 'Facebook', 'Baidu', 'Apple'] as const
const FIRST = ['Peter', 'Paul', 'Luke', 'John', 'Saul', 'Vicky', 'Kate', 'Julie', 'Sarah', 'Deiter', 'Walter'] as const
const LAST = ['Shultz', 'Abrams', 'Spencer', 'White', 'Bartels', 'Walton', 'Smith', 'Jones', 'Noris'] as const
const CITIES = [
  'Phoenix',
  'Los Angeles',
  'San Francisco',
  'Boise',
  'Portland',
  'Bend',
  'Redmond',
  'Seattle',
  'Kent',
] as const
const STATES = ['AZ', 'CA', 'ID', 'OR', 'WA', 'WY'] as const
const START_MS = Date.UTC(2026, 0, 1)
const EVENT_US = 100
const LETTERS = 'abcdefghijklmnopqrstuvwxyz'

export function nexmark(seed: number, events: number): readonly NexmarkTable[] {
  const random = new Random(seed)
  const unit = () => random.uint32() / 2 ** 32
  const below = (n: number) => Math.floor(unit() * n)
  const pick = <T>(from: readonly T[]): T => from[below(from.length)]!
  const letters = (length: number) => Array.from({ length }, () => LETTERS[below(26)]).join('')
  /** Near an average length, as the original pads each event to its size. */
  const extra = (average: number) => letters(Math.max(0, average - 5 + below(11)))
  const price = () => BigInt(Math.round(10 ** (unit() * 6) * 100))
  const person: Row[] = []
  const auction: Row[] = []
  const bid: Row[] = []
  const id = (rows: readonly Row[], hot: number, window: number) => {
    const newest = Math.max(0, rows.length - 1)
    if (below(hot) > 0) return BigInt(1000 + Math.floor(newest / HOT) * HOT)
    return BigInt(1000 + Math.max(0, newest - below(window)))
  }
  for (let event = 0; event < events; event++) {
    const at = timestamp(event * EVENT_US)
    const turn = event % PROPORTION.total
    if (turn < PROPORTION.person) {
      const [first, last] = [pick(FIRST), pick(LAST)]
      person.push({
        id: BigInt(1000 + person.length),
        name: `${first} ${last}`,
        email: `${letters(7)}@${letters(5)}.com`,
        credit_card: Array.from({ length: 4 }, () => String(below(10_000)).padStart(4, '0')).join(' '),
        city: pick(CITIES),
        state: pick(STATES),
        date_time: at,
        extra: extra(100),
      })
    } else if (turn < PROPORTION.person + PROPORTION.auction) {
      const initial = price()
      auction.push({
        id: BigInt(1000 + auction.length),
        item_name: letters(3 + below(18)),
        description: letters(3 + below(98)),
        initial_bid: initial,
        reserve: initial + price(),
        date_time: at,
        expires: timestamp(event * EVENT_US + below(20_000_000)),
        seller: id(person, 4, 1000),
        category: BigInt(10 + below(5)),
        extra: extra(230),
      })
    } else {
      const channel = below(2) === 0 ? pick(CHANNELS) : `channel-${below(10_000)}`
      bid.push({
        auction: id(auction, 2, 100),
        bidder: id(person, 4, 1000),
        price: price(),
        channel,
        url: `https://www.nexmark.com/${letters(5)}/${letters(5)}/${letters(5)}/item.htm?query=1`,
        date_time: at,
        extra: extra(40),
      })
    }
  }
  const texts = (...names: string[]) => Object.fromEntries(names.map((name) => [name, 'TEXT' as const]))
  const [big, time] = ['BIGINT', 'TIMESTAMP'] as const
  return [
    {
      name: 'person',
      columns: { id: big, ...texts('name', 'email', 'credit_card', 'city', 'state'), date_time: time, extra: 'TEXT' },
      rows: person,
    },
    {
      name: 'auction',
      columns: {
        id: big,
        ...texts('item_name', 'description'),
        initial_bid: big,
        reserve: big,
        date_time: time,
        expires: time,
        seller: big,
        category: big,
        extra: 'TEXT',
      },
      rows: auction,
    },
    {
      name: 'bid',
      columns: { auction: big, bidder: big, price: big, channel: 'TEXT', url: 'TEXT', date_time: time, extra: 'TEXT' },
      rows: bid,
    },
  ]
}

function timestamp(us: number): string {
  const text = new Date(START_MS + Math.floor(us / 1000)).toISOString().slice(0, -1)
  return `${text.replace('T', ' ')}${String(us % 1000).padStart(3, '0')}`
}
