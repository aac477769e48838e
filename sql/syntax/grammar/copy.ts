/** COPY, with its options in parentheses or as they were written before there were parentheses. */
import type { ParserMethod } from '../chevrotain.js'
import { stringOf } from '../lex.js'
import * as t from '../tokens.js'
import type { Copy, CopyOption, Ident, Name, Query } from '../tree.js'
import { AdminGrammar } from './admin.js'
import { toIdent } from './base.js'

const [COPY, FROM, STDIN, STDOUT, TO, WITH] = [
  t.kw('copy'),
  t.kw('from'),
  t.kw('stdin'),
  t.kw('stdout'),
  t.kw('to'),
  t.kw('with'),
]

export abstract class CopyGrammar extends AdminGrammar {
  readonly copy: ParserMethod<[], Copy> = this.RULE('copy', (): Copy => {
    const start = this.mark()
    let relation: Name | undefined
    let columns: Ident[] = []
    let query: Query | undefined
    let path: string | undefined
    this.CONSUME(COPY)
    this.OR([
      {
        ALT: () => {
          this.CONSUME(t.LeftParen)
          query = this.SUBRULE(this.query)
          this.CONSUME(t.RightParen)
        },
      },
      {
        ALT: () => {
          relation = this.SUBRULE(this.name)
          this.OPTION(() => {
            columns = this.SUBRULE(this.identList)
          })
        },
      },
    ])
    const from = this.OR1([
      {
        ALT: () => {
          this.CONSUME(FROM)
          return true
        },
      },
      {
        ALT: () => {
          this.CONSUME(TO)
          return false
        },
      },
    ])
    this.OR2([
      { ALT: () => this.CONSUME(STDIN) },
      { ALT: () => this.CONSUME(STDOUT) },
      {
        ALT: () => {
          path = this.SUBRULE(this.text)
        },
      },
    ])
    this.OPTION1(() => this.CONSUME(WITH))
    const options = this.SUBRULE(this.copyOptions)
    return {
      kind: 'copy',
      from,
      ...(relation && { relation }),
      columns,
      ...(query && { query }),
      ...(path !== undefined && { path }),
      options,
      span: this.since(start),
    }
  })

  readonly copyOptions = this.RULE('copyOptions', (): CopyOption[] => {
    const options: CopyOption[] = []
    this.OR([
      {
        ALT: () => {
          this.CONSUME(t.LeftParen)
          this.AT_LEAST_ONE_SEP({ SEP: t.Comma, DEF: () => options.push(this.SUBRULE(this.copyOption)) })
          this.CONSUME(t.RightParen)
        },
      },
      {
        ALT: () => this.MANY(() => options.push(this.SUBRULE(this.copyWord))),
      },
    ])
    return options
  })

  /** `HEADER`, `HEADER true`, `DELIMITER ';'`, `FORCE_QUOTE (a, b)`, `FORCE_QUOTE *`. */
  readonly copyOption = this.RULE('copyOption', (): CopyOption => {
    const start = this.mark()
    let value: CopyOption['value']
    const key = this.CONSUME(t.Label)
    this.OPTION(() =>
      this.OR([
        {
          ALT: () => {
            value = this.SUBRULE(this.text)
          },
        },
        {
          ALT: () => {
            const word = this.CONSUME1(t.Label)
            value = this.ACTION(() => toIdent(word).name)
          },
        },
        {
          ALT: () => {
            value = this.CONSUME(t.NumberLiteral).image
          },
        },
        {
          ALT: () => {
            this.CONSUME(t.Star)
            value = '*'
          },
        },
        {
          ALT: () => {
            value = this.SUBRULE(this.identList)
          },
        },
      ]),
    )
    const name = this.ACTION(() => toIdent(key).name)
    return { kind: 'copy_option', name, ...(value !== undefined && { value }), span: this.since(start) }
  })

  /** `CSV`, `HEADER`, `DELIMITER AS ';'`, `NULL ''`: without parentheses a value is always a string. */
  readonly copyWord = this.RULE('copyWord', (): CopyOption => {
    const start = this.mark()
    let value: CopyOption['value']
    const key = this.CONSUME(t.Label)
    // FORCE QUOTE takes columns, as the one option of two words that is in use.
    if (this.LA(0).image.toLowerCase() === 'force' && this.LA(1).image.toLowerCase() === 'quote') {
      return this.SUBRULE(this.forceQuote, { ARGS: [start] })
    }
    this.OPTION({
      GATE: () => this.nextMatches(t.StringLiteral) || this.nextIs(t.kw('as')),
      DEF: () => {
        this.OPTION1(() => this.CONSUME(t.kw('as')))
        const token = this.CONSUME(t.StringLiteral)
        value = this.ACTION(() => stringOf(token))
      },
    })
    const name = this.ACTION(() => toIdent(key).name)
    return { kind: 'copy_option', name, ...(value !== undefined && { value }), span: this.since(start) }
  })

  readonly forceQuote = this.RULE('forceQuote', (start: number): CopyOption => {
    let value: CopyOption['value'] = '*'
    this.CONSUME(t.Label)
    this.OR([
      { ALT: () => this.CONSUME(t.Star) },
      {
        ALT: () => {
          const names: Ident[] = []
          this.AT_LEAST_ONE_SEP({ SEP: t.Comma, DEF: () => names.push(this.SUBRULE(this.ident)) })
          value = names
        },
      },
    ])
    return { kind: 'copy_option', name: 'force_quote', value, span: this.since(start) }
  })
}
