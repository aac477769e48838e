/** Statements about what a connection keeps: EXECUTE, DEALLOCATE and DISCARD; PREPARE holds any statement, so it is beside them. */
import { EOF } from '../chevrotain.js'
import * as t from '../tokens.js'
import type { Deallocate, Discard, Execute, Expr, Ident } from '../tree.js'
import { AdminGrammar } from './admin.js'

const [ALL, DEALLOCATE, DISCARD, EXECUTE, PLANS, PREPARE, SEQUENCES, TEMP, TEMPORARY] = [
  t.kw('all'),
  t.kw('deallocate'),
  t.kw('discard'),
  t.kw('execute'),
  t.kw('plans'),
  t.kw('prepare'),
  t.kw('sequences'),
  t.kw('temp'),
  t.kw('temporary'),
]

export abstract class SessionGrammar extends AdminGrammar {
  readonly deallocate = this.RULE('deallocate', (): Deallocate => {
    const start = this.mark()
    let name: Ident | undefined
    this.CONSUME(DEALLOCATE)
    this.OPTION({
      // A statement may be named so.
      GATE: () => this.LA(2).tokenType !== EOF,
      DEF: () => this.CONSUME(PREPARE),
    })
    this.OR([
      { ALT: () => this.CONSUME(ALL) },
      {
        ALT: () => {
          name = this.SUBRULE(this.ident)
        },
      },
    ])
    const span = this.since(start)
    return name === undefined ? { kind: 'deallocate', span } : { kind: 'deallocate', name, span }
  })

  readonly execute = this.RULE('execute', (): Execute => {
    const start = this.mark()
    const args: Expr[] = []
    this.CONSUME(EXECUTE)
    const name = this.SUBRULE(this.ident)
    this.OPTION(() => {
      this.CONSUME(t.LeftParen)
      this.AT_LEAST_ONE_SEP({ SEP: t.Comma, DEF: () => args.push(this.SUBRULE(this.expression)) })
      this.CONSUME(t.RightParen)
    })
    return { kind: 'execute', name, args, span: this.since(start) }
  })

  readonly discard = this.RULE('discard', (): Discard => {
    const start = this.mark()
    this.CONSUME(DISCARD)
    const what = this.OR<Discard['what']>([
      {
        ALT: () => {
          this.CONSUME(ALL)
          return 'all' as const
        },
      },
      {
        ALT: () => {
          this.CONSUME(PLANS)
          return 'plans' as const
        },
      },
      {
        ALT: () => {
          this.CONSUME(SEQUENCES)
          return 'sequences' as const
        },
      },
      {
        ALT: () => {
          this.OR1([{ ALT: () => this.CONSUME(TEMP) }, { ALT: () => this.CONSUME(TEMPORARY) }])
          return 'temp' as const
        },
      },
    ])
    return { kind: 'discard', what, span: this.since(start) }
  })
}
