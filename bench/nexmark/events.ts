/** Nexmark's events, seeded, as columns: of each 50 events one is a person, three are auctions and 46 are bids. Distributions
 *  are those of the benchmark's generator at its defaults: hot auctions, sellers and bidders, prices over six decades, channels
 *  whose url carries an id, texts that pad an event to its size. No two event times are equal. */
import { Random } from '../../examples/fraud/random.js'

export type Columns = Readonly<Record<string, BigInt64Array | readonly string[]>>

/** The columns of one stretch of events. */
export interface Stretch {
  readonly person: Columns
  readonly auction: Columns
  readonly bid: Columns
}

const ROUND = { person: 1, auction: 3, bid: 46, all: 50 } as const
const FIRST = { person: 1000, auction: 1000, category: 10 } as const
const CATEGORIES = 5
/** Of so many one goes to anything that is active, the others to what is hot. */
const HOT = { auction: 2, seller: 4, bidder: 4 } as const
const HOT_BATCH = 100
/** Bids and auctions may be of so many ids that are not there yet. */
const LEAD = 10
const ACTIVE_PEOPLE = 1000
const IN_FLIGHT_AUCTIONS = 100
const BYTES = { person: 200, auction: 500, bid: 100 } as const
/** Between two events, if not said otherwise: 10,000 events a second. */
const EVENT_US = 100
const START_US = BigInt(Date.UTC(2026, 0, 1, 7, 59, 55)) * 1000n
const CHANNELS = 10_000
const HOT_CHANNELS = ['Google', 'Facebook', 'Baidu', 'Apple'] as const
const STATES = ['AZ', 'CA', 'ID', 'OR', 'WA', 'WY'] as const
const CITIES = 'Phoenix,Los Angeles,San Francisco,Boise,Portland,Bend,Redmond,Seattle,Kent,Cheyenne'.split(',')
const GIVEN = 'Peter,Paul,Luke,John,Saul,Vicky,Kate,Julie,Sarah,Deiter,Walter'.split(',')
const FAMILY = 'Shultz,Abrams,Spencer,White,Bartels,Walton,Smith,Jones,Noris'.split(',')
/** Random letters are cut from a text of so many: making each anew would take most of the time. */
const LETTERS = 1 << 16

export class Events {
  readonly #random: Random
  readonly #letters: string
  readonly #channelUrls: string[]
  readonly #eventUs: number
  #next = 0

  constructor(seed: number, eventUs = EVENT_US) {
    this.#eventUs = eventUs
    this.#random = new Random(seed)
    this.#letters = Array.from({ length: LETTERS }, () => String.fromCharCode(97 + this.#random.below(26))).join('')
    this.#channelUrls = Array.from({ length: CHANNELS }, (_, channel) => {
      const url = this.#url()
      return this.#random.below(10) > 0 ? `${url}&channel_id=${reversed(channel)}` : url
    })
  }

  /** The next events of the sequence. */
  next(count: number): Stretch {
    const from = this.#next
    this.#next += count
    const persons = new Writer(idsBefore('person', this.#next) - idsBefore('person', from))
    const auctions = new Writer(idsBefore('auction', this.#next) - idsBefore('auction', from))
    const bids = new Writer(idsBefore('bid', this.#next) - idsBefore('bid', from))
    for (let event = from; event < this.#next; event++) {
      const turn = event % ROUND.all
      if (turn < ROUND.person) this.#person(persons, event)
      else if (turn < ROUND.person + ROUND.auction) this.#auction(auctions, event)
      else this.#bid(bids, event)
    }
    return { person: persons.columns, auction: auctions.columns, bid: bids.columns }
  }

  #person(to: Writer, event: number): void {
    const random = this.#random
    const name = `${pick(random, GIVEN)} ${pick(random, FAMILY)}`
    const email = `${this.#text(7)}@${this.#text(5)}.com`
    const card = Array.from({ length: 4 }, () => String(random.below(10_000)).padStart(4, '0')).join(' ')
    const city = pick(random, CITIES)
    to.number('id', BigInt(FIRST.person + lastId('person', event)))
    to.text('name', name).text('emailaddress', email).text('creditcard', card)
    to.text('city', city).text('state', pick(random, STATES))
    to.number('datetime', this.#timeOf(event))
    to.text('extra', this.#extra(8 + name.length + email.length + card.length + city.length + 2, BYTES.person))
    to.end()
  }

  #auction(to: Writer, event: number): void {
    const random = this.#random
    const last = lastId('person', event)
    const seller = random.below(HOT.seller) > 0 ? Math.floor(last / HOT_BATCH) * HOT_BATCH : this.#activePerson(last)
    const [name, description] = [this.#text(3 + random.below(17)), this.#text(3 + random.below(97))]
    const initial = this.#price()
    // An auction lasts for about as long as it takes until so many auctions have begun as may be in flight.
    const lasts = 1 + random.below(2 * Math.floor((IN_FLIGHT_AUCTIONS * ROUND.all) / ROUND.auction) * this.#eventUs)
    to.number('id', BigInt(FIRST.auction + lastId('auction', event)))
    to.text('itemname', name).text('description', description)
    to.number('initialbid', BigInt(initial)).number('reserve', BigInt(initial + this.#price()))
    to.number('datetime', this.#timeOf(event)).number('expires', this.#timeOf(event) + BigInt(lasts))
    to.number('seller', BigInt(FIRST.person + seller))
    to.number('category', BigInt(FIRST.category + random.below(CATEGORIES)))
    to.text('extra', this.#extra(8 + name.length + description.length + 40, BYTES.auction))
    to.end()
  }

  #bid(to: Writer, event: number): void {
    const random = this.#random
    const [auctions, people] = [lastId('auction', event), lastId('person', event)]
    const oldest = Math.max(0, auctions - IN_FLIGHT_AUCTIONS)
    const auction =
      random.below(HOT.auction) > 0
        ? Math.floor(auctions / HOT_BATCH) * HOT_BATCH
        : oldest + random.below(auctions - oldest + 1 + LEAD)
    const bidder =
      random.below(HOT.bidder) > 0 ? Math.floor(people / HOT_BATCH) * HOT_BATCH + 1 : this.#activePerson(people)
    to.number('auction', BigInt(FIRST.auction + auction)).number('bidder', BigInt(FIRST.person + bidder))
    to.number('price', BigInt(this.#price()))
    const other = random.below(2) > 0 ? random.below(CHANNELS) : undefined
    const channel = other === undefined ? pick(random, HOT_CHANNELS) : `channel-${other}`
    const url = other === undefined ? this.#url() : this.#channelUrls[other]!
    to.text('channel', channel).text('url', url)
    to.number('datetime', this.#timeOf(event))
    to.text('extra', this.#extra(32, BYTES.bid))
    to.end()
  }

  #timeOf(event: number): bigint {
    return START_US + BigInt(event * this.#eventUs)
  }

  #activePerson(last: number): number {
    const active = Math.min(last, ACTIVE_PEOPLE)
    return last - active + this.#random.below(active + 1 + LEAD)
  }

  #price(): number {
    return Math.round(10 ** (this.#random.unit() * 6) * 100)
  }

  #url(): string {
    return `https://www.nexmark.com/${this.#text(5)}/${this.#text(5)}/${this.#text(5)}/item.htm?query=1`
  }

  #text(length: number): string {
    const at = this.#random.below(LETTERS - length)
    return this.#letters.slice(at, at + length)
  }

  /** What is missing to an event's size, a fifth more or less. */
  #extra(has: number, wanted: number): string {
    const missing = Math.max(0, wanted - has)
    const fifth = Math.round(missing * 0.2)
    return this.#text(missing - fifth + this.#random.below(2 * fifth + 1))
  }
}

/** Columns of rows that are written value by value. */
class Writer {
  readonly columns: Record<string, BigInt64Array | string[]> = {}
  readonly #rows: number
  #at = 0

  constructor(rows: number) {
    this.#rows = rows
  }

  number(column: string, value: bigint): this {
    const values = (this.columns[column] ?? new BigInt64Array(this.#rows)) as BigInt64Array
    this.columns[column] = values
    values[this.#at] = value
    return this
  }

  text(column: string, value: string): this {
    const values = (this.columns[column] ?? []) as string[]
    this.columns[column] = values
    values.push(value)
    return this
  }

  end(): void {
    this.#at++
  }
}

type Kind = 'person' | 'auction' | 'bid'

/** How many of a kind come before an event. */
function idsBefore(kind: Kind, event: number): number {
  const start = kind === 'person' ? 0 : kind === 'auction' ? ROUND.person : ROUND.person + ROUND.auction
  const turn = Math.min(Math.max((event % ROUND.all) - start, 0), ROUND[kind])
  return Math.floor(event / ROUND.all) * ROUND[kind] + turn
}

/** The newest of a kind when an event happens, itself among them, counted from 0. */
function lastId(kind: Kind, event: number): number {
  return Math.max(0, idsBefore(kind, event + 1) - 1)
}

function pick<T>(random: Random, from: readonly T[]): T {
  return from[random.below(from.length)]!
}

/** Ids of channels look random: the number's bits from right to left. */
function reversed(n: number): number {
  let bits = 0
  for (let at = 0; at < 31; at++) bits |= ((n >>> at) & 1) << (30 - at)
  return bits
}
