/** Statements about the database rather than its rows: EXPLAIN, SHOW, SET, SUBSCRIBE, VERIFY. */
import type { ParserMethod } from '../chevrotain.js'
import * as t from '../tokens.js'
import type {
  AsOf,
  Describe,
  Explain,
  Ident,
  Option,
  Prepare,
  Query,
  SetVariable,
  Show,
  Statement,
  Subscribe,
  TypeName,
  Verify,
} from '../tree.js'
import { SessionGrammar } from './session.js'

const [AS, ISOLATION, LEVEL, PREPARE, TRANSACTION] = [
  t.kw('as'),
  t.kw('isolation'),
  t.kw('level'),
  t.kw('prepare'),
  t.kw('transaction'),
]
const [ALL, ANALYZE, CONSUMER, DEFAULT, DESCRIBE, EXPLAIN, GROUPS, MATERIALIZED, MODELS, RESET, SEGMENTS, SET] = [
  t.kw('all'),
  t.kw('analyze'),
  t.kw('consumer'),
  t.kw('default'),
  t.kw('describe'),
  t.kw('explain'),
  t.kw('groups'),
  t.kw('materialized'),
  t.kw('models'),
  t.kw('reset'),
  t.kw('segments'),
  t.kw('set'),
]
const ZONE = t.kw('zone')
const [SHOW, SINKS, SNAPSHOT, SOURCES, STREAMS, SUBSCRIBE, TABLES, TO, VERIFY, VIEW, VIEWS, WITH] = [
  t.kw('show'),
  t.kw('sinks'),
  t.kw('snapshot'),
  t.kw('sources'),
  t.kw('streams'),
  t.kw('subscribe'),
  t.kw('tables'),
  t.kw('to'),
  t.kw('verify'),
  t.kw('view'),
  t.kw('views'),
  t.kw('with'),
]

type Explainable = Exclude<Statement, Explain>

export abstract class UtilityGrammar extends SessionGrammar {
  readonly statement: ParserMethod<[], Statement> = this.RULE(
    'statement',
    (): Statement =>
      this.OR<Statement>([{ ALT: () => this.SUBRULE(this.explain) }, { ALT: () => this.SUBRULE(this.explainable) }]),
  )

  readonly explainable: ParserMethod<[], Explainable> = this.RULE(
    'explainable',
    (): Explainable =>
      this.OR<Explainable>({
        DEF: [
          { GATE: () => !this.writeAfterWith(), ALT: () => this.SUBRULE(this.query) },
          { GATE: () => this.writeAfterWith(), ALT: () => this.SUBRULE(this.withWrite) },
          { ALT: () => this.SUBRULE(this.insert) },
          { ALT: () => this.SUBRULE(this.update) },
          { ALT: () => this.SUBRULE(this.delete) },
          { ALT: () => this.SUBRULE(this.merge) },
          { ALT: () => this.SUBRULE(this.create) as Explainable },
          { ALT: () => this.SUBRULE(this.drop) },
          { ALT: () => this.SUBRULE(this.reindex) },
          { ALT: () => this.SUBRULE(this.maintain) },
          { ALT: () => this.SUBRULE(this.show) },
          { ALT: () => this.SUBRULE(this.describe) },
          { ALT: () => this.SUBRULE(this.set) },
          { ALT: () => this.SUBRULE(this.subscribe) },
          { ALT: () => this.SUBRULE(this.verify) },
          { ALT: () => this.SUBRULE(this.transaction) },
          { ALT: () => this.SUBRULE(this.truncate) },
          { ALT: () => this.SUBRULE(this.alter) as Explainable },
          { ALT: () => this.SUBRULE(this.backup) },
          { ALT: () => this.SUBRULE(this.checkpoint) },
          { ALT: () => this.SUBRULE(this.checkDatabase) },
          { ALT: () => this.SUBRULE(this.copy) },
          { ALT: () => this.SUBRULE(this.prepare) },
          { ALT: () => this.SUBRULE(this.execute) },
          { ALT: () => this.SUBRULE(this.deallocate) },
          { ALT: () => this.SUBRULE(this.discard) },
        ],
        // A WITH begins queries and writes; the gates tell.
        IGNORE_AMBIGUITIES: true,
      }),
  )

  readonly prepare: ParserMethod<[], Prepare> = this.RULE('prepare', (): Prepare => {
    const start = this.mark()
    const types: TypeName[] = []
    this.CONSUME(PREPARE)
    const name = this.SUBRULE(this.ident)
    this.OPTION(() => {
      this.CONSUME(t.LeftParen)
      this.AT_LEAST_ONE_SEP({ SEP: t.Comma, DEF: () => types.push(this.SUBRULE(this.typeName)) })
      this.CONSUME(t.RightParen)
    })
    this.CONSUME(AS)
    const statement = this.SUBRULE(this.explainable)
    return { kind: 'prepare', name, types, statement, span: this.since(start) }
  })

  readonly explain = this.RULE('explain', (): Explain => {
    const start = this.mark()
    let analyze = false
    let options: Option[] = []
    this.CONSUME(EXPLAIN)
    this.OPTION({
      GATE: () => !this.queryInParens(),
      DEF: () => {
        options = this.SUBRULE(this.explainOptions)
      },
    })
    this.OPTION1(() => {
      this.CONSUME(ANALYZE)
      analyze = true
    })
    const statement = this.SUBRULE(this.explainable)
    this.ACTION(() => {
      for (const { key, value } of options)
        if (key === 'analyze') analyze = value === 'true' || value === 'on' || value === '1'
      options = options.filter((option) => option.key !== 'analyze')
    })
    return { kind: 'explain', analyze, options, statement, span: this.since(start) }
  })

  /** `(ANALYZE, FORMAT json)`: names with values and without. */
  readonly explainOptions = this.RULE('explainOptions', (): Option[] => {
    const options: Option[] = []
    this.CONSUME(t.LeftParen)
    this.AT_LEAST_ONE_SEP({
      SEP: t.Comma,
      DEF: () => {
        const start = this.mark()
        let value = 'true'
        const key = this.SUBRULE(this.label)
        this.OPTION(() => {
          value = this.SUBRULE(this.setting)
        })
        const span = this.since(start)
        options.push({ kind: 'option', key: key.name, value, valueSpan: span, span })
      },
    })
    this.CONSUME(t.RightParen)
    return options
  })

  readonly show = this.RULE('show', (): Show => {
    const start = this.mark()
    let name: Ident | undefined
    this.CONSUME(SHOW)
    const what = this.OR<Show['what']>({
      DEF: [
        {
          ALT: () => {
            this.CONSUME(TABLES)
            return 'tables' as const
          },
        },
        {
          ALT: () => {
            this.CONSUME(STREAMS)
            return 'streams' as const
          },
        },
        {
          ALT: () => {
            this.CONSUME(SOURCES)
            return 'sources' as const
          },
        },
        {
          ALT: () => {
            this.CONSUME(VIEWS)
            return 'views' as const
          },
        },
        {
          ALT: () => {
            this.CONSUME(MATERIALIZED)
            this.CONSUME1(VIEWS)
            return 'materialized_views' as const
          },
        },
        {
          ALT: () => {
            this.CONSUME(SINKS)
            return 'sinks' as const
          },
        },
        {
          ALT: () => {
            this.CONSUME(MODELS)
            return 'models' as const
          },
        },
        {
          GATE: () => this.nextIs(GROUPS, 2),
          ALT: () => {
            this.CONSUME(CONSUMER)
            this.CONSUME(GROUPS)
            return 'consumer_groups' as const
          },
        },
        {
          ALT: () => {
            this.CONSUME(SEGMENTS)
            return 'segments' as const
          },
        },
        {
          ALT: () => {
            this.CONSUME(ALL)
            return 'all' as const
          },
        },
        {
          // The standard's words for a setting.
          GATE: () => this.nextIs(ISOLATION, 2),
          ALT: () => {
            const start = this.mark()
            this.CONSUME(TRANSACTION)
            this.CONSUME(ISOLATION)
            this.CONSUME(LEVEL)
            name = { kind: 'ident', name: 'transaction_isolation', span: this.since(start) }
            return 'setting' as const
          },
        },
        {
          ALT: () => {
            name = this.SUBRULE(this.parameterName)
            return 'setting' as const
          },
        },
      ],
      IGNORE_AMBIGUITIES: true,
    })
    return { kind: 'show', what, ...(name && { name }), span: this.since(start) }
  })

  readonly describe = this.RULE('describe', (): Describe => {
    const start = this.mark()
    this.CONSUME(DESCRIBE)
    const name = this.SUBRULE(this.name)
    return { kind: 'describe', name, span: this.since(start) }
  })

  /** A dot is part of it: `SET app.user = 'ann'` is a parameter of the user's own. */
  readonly parameterName = this.RULE('parameterName', (): Ident => {
    const { parts, span } = this.SUBRULE(this.name)
    return this.ACTION(() => ({ kind: 'ident', name: parts.map((part) => part.name).join('.'), span }))
  })

  readonly set = this.RULE('set', (): SetVariable => {
    const start = this.mark()
    let value: string | undefined
    const name = this.OR([
      {
        ALT: () => {
          this.CONSUME(SET)
          // Every setting is the session's: the word says nothing.
          this.OPTION({
            GATE: () => this.LA(1).image.toLowerCase() === 'session' && !this.nextIs(t.Equal, 2) && !this.nextIs(TO, 2),
            DEF: () => this.CONSUME(t.Identifier),
          })
          let variable = this.SUBRULE(this.parameterName)
          this.OR1([
            { ALT: () => this.CONSUME(t.Equal) },
            { ALT: () => this.CONSUME(TO) },
            {
              GATE: () => variable.name === 'time',
              ALT: () => {
                this.CONSUME(ZONE)
                variable = { ...variable, name: 'timezone' }
              },
            },
          ])
          this.OR2([
            { ALT: () => this.CONSUME(DEFAULT) },
            {
              ALT: () => {
                const values: string[] = []
                this.AT_LEAST_ONE_SEP({ SEP: t.Comma, DEF: () => values.push(this.SUBRULE(this.setting)) })
                value = values.join(', ')
              },
            },
          ])
          return variable
        },
      },
      {
        ALT: () => {
          this.CONSUME(RESET)
          return this.SUBRULE1(this.parameterName)
        },
      },
    ])
    return { kind: 'set', name, ...(value !== undefined && { value }), span: this.since(start) }
  })

  readonly subscribe = this.RULE('subscribe', (): Subscribe => {
    const start = this.mark()
    let snapshot = false
    this.CONSUME(SUBSCRIBE)
    this.OPTION(() => this.CONSUME(TO))
    const query = this.OR<Query>([
      { ALT: () => this.SUBRULE(this.query) },
      { ALT: () => this.SUBRULE(this.wholeRelation) },
    ])
    this.OPTION1(() => {
      this.CONSUME(WITH)
      this.CONSUME(SNAPSHOT)
      snapshot = true
    })
    return { kind: 'subscribe', query, snapshot, span: this.since(start) }
  })

  /** A name where a query is meant: all of its rows. */
  readonly wholeRelation = this.RULE('wholeRelation', (): Query => {
    const start = this.mark()
    let asOf: AsOf | undefined
    const name = this.SUBRULE(this.name)
    const { span } = name
    this.OPTION({
      GATE: () => this.asOfAhead(),
      DEF: () => {
        asOf = this.SUBRULE(this.asOf)
      },
    })
    return {
      kind: 'query',
      body: {
        kind: 'select',
        distinct: false,
        distinctOn: [],
        items: [{ kind: 'star', exclude: [], replace: [], span }],
        from: [{ kind: 'table_name', name, span }],
        windows: [],
        span,
      },
      orderBy: [],
      ...(asOf && { asOf }),
      span: this.since(start),
    }
  })

  readonly verify = this.RULE('verify', (): Verify => {
    const start = this.mark()
    this.CONSUME(VERIFY)
    this.CONSUME(MATERIALIZED)
    this.CONSUME(VIEW)
    const name = this.SUBRULE(this.name)
    return { kind: 'verify', name, span: this.since(start) }
  })
}
