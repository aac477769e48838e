/** The options of `npm start` and what a run shows, without a run. */
import { describe, expect, it } from 'vitest'
import { HELP, OptionError, parseOptions } from '../../examples/fraud/options.js'
import { blockLines, type Progress, progressLine, StatusBlock } from '../../examples/fraud/status.js'

describe('options', () => {
  it('have defaults', () => {
    const options = parseOptions([])
    expect(options).toMatchObject({ kafka: false, keep: false, help: false, dir: '.millrace/fraud', seed: 42 })
    expect(options.swipes).toBeGreaterThan(0)
    expect(options.rate).toBeUndefined()
  })

  it('take numbers as people write them', () => {
    expect(parseOptions(['--swipes', '2_000_000', '--cards=5,000']).swipes).toBe(2_000_000)
    expect(parseOptions(['--kafka', '--brokers', 'a:9092,b:9093']).brokers).toBe('a:9092,b:9093')
  })

  it.each([
    [['--swipes', '0'], '--swipes takes a whole number from 1 to 1000000000, not "0"'],
    [['--swipes', 'many'], '--swipes takes a whole number from 1 to 1000000000, not "many"'],
    [['--cards', '1.5'], '--cards takes a whole number from 1 to 5000000, not "1.5"'],
    [['--seed=-1'], '--seed takes a whole number from 0 to 4294967295, not "-1"'],
    [['--rate', ''], '--rate takes a whole number from 1 to 10000000, not ""'],
    [['--brokers', 'localhost:9092'], '--brokers needs --kafka'],
    [['--kafka', '--brokers', 'localhost'], '--brokers takes HOST:PORT, not "localhost"'],
    [['--kafka', '--keep'], '--keep cannot be used with --kafka: the broker starts empty'],
    [['--dir', ' '], '--dir takes a path'],
    [['--swipe', '5'], "Unknown option '--swipe'"],
    [['fast'], "Unexpected argument 'fast'"],
  ])('refuse %j', (args, message) => {
    expect(() => parseOptions(args)).toThrow(OptionError)
    expect(() => parseOptions(args)).toThrow(message)
  })

  it('are all told by --help', () => {
    for (const name of ['swipes', 'cards', 'seed', 'rate', 'dir', 'keep', 'kafka', 'brokers', 'help']) {
      expect(HELP).toContain(`--${name} `)
    }
  })
})

const progress: Progress = {
  swipes: 250_000,
  total: 1_000_000,
  perSecond: 201_204,
  flagged: 1204,
  p50Ms: 11.24,
  p99Ms: 28.01,
  bytes: 63_100_000,
  latest: [{ swipeId: '7', holder: 'Ada Adler', amount: '812.50 USD', reason: 'coffee in London 5 minutes after …' }],
}

describe('the status block', () => {
  it('shows everything and keeps its height', () => {
    const lines = blockLines('title', progress)
    expect(lines.join('\n')).toContain('250,000 of 1,000,000')
    expect(lines.join('\n')).toContain('25 %')
    expect(lines.join('\n')).toContain('p50 11.2 ms, p99 28.0 ms')
    expect(lines).toContain('  Ada Adler, 812.50 USD: coffee in London 5 minutes after …')
    expect(blockLines('title', { ...progress, latest: [] }).length).toBe(lines.length)
    expect(blockLines('title', { ...progress, notice: 'no broker' }).length).toBe(lines.length)
  })

  it('redraws in place, clips to the width and gives the cursor back', () => {
    let written = ''
    const block = new StatusBlock({ columns: 41, write: (text) => (written += text) }, 't'.repeat(100))
    block.draw(progress)
    expect(written).toContain('\x1b[?25l')
    const height = written.split('\n').length - 1
    written = ''
    block.draw(progress)
    expect(written.startsWith(`\x1b[${height}A\r`)).toBe(true)
    expect(written).toContain(`${'t'.repeat(39)}…\n`)
    written = ''
    block.end()
    expect(written).toBe('\x1b[?25h')
  })

  it('is one line elsewhere', () => {
    expect(progressLine(progress)).toBe(
      '250,000 of 1,000,000 swipes, 201,204/s, 1,204 flagged, freshness p50 11.2 ms, p99 28.0 ms, 63.1 MB on disk',
    )
  })
})
