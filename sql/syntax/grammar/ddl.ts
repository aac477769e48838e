/** CREATE and DROP of everything that has a name. */
import { Code } from '../../diag/codes.js'
import { SqlError } from '../../diag/error.js'
import type { ParserMethod } from '../chevrotain.js'
import * as t from '../tokens.js'
import type {
  CreateIndex,
  CreateModel,
  CreateSchema,
  CreateSink,
  CreateSource,
  CreateStream,
  CreateTable,
  CreateTableAs,
  CreateView,
  Drop,
  DropSchema,
  Format,
  Ident,
  Maintain,
  Name,
  ObjectKind,
  Query,
  Reindex,
  SortItem,
  Span,
  Statement,
} from '../tree.js'
import { type Elements, RelationGrammar } from './relation.js'

const FLUSH = t.kw('flush')
const [ANALYZE, BTREE, DATA, FULL, HASH, INDEX, NO, ON, REINDEX, SCHEMA, UNIQUE, USING, VACUUM, VERBOSE, WITH] = [
  t.kw('analyze'),
  t.kw('btree'),
  t.kw('data'),
  t.kw('full'),
  t.kw('hash'),
  t.kw('index'),
  t.kw('no'),
  t.kw('on'),
  t.kw('reindex'),
  t.kw('schema'),
  t.kw('unique'),
  t.kw('using'),
  t.kw('vacuum'),
  t.kw('verbose'),
  t.kw('with'),
]
const [AS, CASCADE, CREATE, FROM, MATERIALIZED, MODEL, OR, REPLACE, RESTRICT, SINK, SOURCE, STREAM, TABLE, VIEW] = [
  t.kw('as'),
  t.kw('cascade'),
  t.kw('create'),
  t.kw('from'),
  t.kw('materialized'),
  t.kw('model'),
  t.kw('or'),
  t.kw('replace'),
  t.kw('restrict'),
  t.kw('sink'),
  t.kw('source'),
  t.kw('stream'),
  t.kw('table'),
  t.kw('view'),
]

export abstract class DdlGrammar extends RelationGrammar {
  readonly create: ParserMethod<[], Statement> = this.RULE('create', (): Statement => {
    const start = this.mark()
    let orReplace = false
    this.CONSUME(CREATE)
    this.OPTION(() => {
      this.CONSUME(OR)
      this.CONSUME(REPLACE)
      orReplace = true
    })
    const args = { ARGS: [orReplace, start] as [boolean, number] }
    return this.OR<Statement>([
      { ALT: () => this.SUBRULE(this.createTable, args) },
      { ALT: () => this.SUBRULE(this.createSchema, { ARGS: [start] }) },
      { ALT: () => this.SUBRULE(this.createIndex, { ARGS: [start] }) },
      { ALT: () => this.SUBRULE(this.createStream, args) },
      { ALT: () => this.SUBRULE(this.createSource, args) },
      { ALT: () => this.SUBRULE(this.createView, args) },
      { ALT: () => this.SUBRULE(this.createSink, args) },
      { ALT: () => this.SUBRULE(this.createModel, args) },
    ])
  })

  readonly createTable = this.RULE('createTable', (orReplace: boolean, start: number): CreateTable | CreateTableAs => {
    this.CONSUME(TABLE)
    const ifNotExists = this.SUBRULE(this.ifNotExists)
    const name = this.SUBRULE(this.name)
    const head = { orReplace, ifNotExists, name }
    return this.OR<CreateTable | CreateTableAs>({
      DEF: [
        {
          GATE: () => this.nextIs(t.LeftParen) && !this.namesOnly(),
          ALT: () => {
            const elements = this.SUBRULE(this.elements)
            const options = this.SUBRULE(this.withOptions)
            this.ACTION(() =>
              refuse(elements.watermark, 'a table has no watermark', 'Only a stream or a source has one.'),
            )
            const { columns, constraints } = elements
            return { kind: 'create_table', ...head, columns, constraints, options, span: this.since(start) }
          },
        },
        {
          ALT: () => {
            let columns: Ident[] = []
            let data = true
            this.OPTION(() => {
              columns = this.SUBRULE(this.identList)
            })
            const options = this.SUBRULE1(this.withOptions)
            this.CONSUME(AS)
            const query = this.SUBRULE(this.query)
            this.OPTION1(() => {
              this.CONSUME(WITH)
              this.OPTION2(() => {
                this.CONSUME(NO)
                data = false
              })
              this.CONSUME(DATA)
            })
            return { kind: 'create_table_as', ...head, columns, options, query, data, span: this.since(start) }
          },
        },
      ],
      IGNORE_AMBIGUITIES: true,
    })
  })

  /** Whether the "(" ahead opens a list of bare names. */
  private namesOnly(): boolean {
    return this.nextIs(t.LeftParen) && (this.nextIs(t.Comma, 3) || this.nextIs(t.RightParen, 3))
  }

  /** `CREATE [UNIQUE] INDEX [IF NOT EXISTS] [name] ON t [USING btree] (a DESC, b)` */
  readonly createIndex = this.RULE('createIndex', (start: number): CreateIndex => {
    let unique = false
    let name: Name | undefined
    const columns: SortItem[] = []
    this.OPTION(() => {
      this.CONSUME(UNIQUE)
      unique = true
    })
    this.CONSUME(INDEX)
    const ifNotExists = this.SUBRULE(this.ifNotExists)
    this.OPTION1(() => {
      name = this.SUBRULE(this.name)
    })
    this.CONSUME(ON)
    const table = this.SUBRULE1(this.name)
    this.OPTION2(() => {
      this.CONSUME(USING)
      this.OR([{ ALT: () => this.CONSUME(BTREE) }, { ALT: () => this.CONSUME(HASH) }])
    })
    this.CONSUME(t.LeftParen)
    this.AT_LEAST_ONE_SEP({ SEP: t.Comma, DEF: () => columns.push(this.SUBRULE(this.sortItem)) })
    this.CONSUME(t.RightParen)
    return {
      kind: 'create_index',
      unique,
      ifNotExists,
      ...(name && { name }),
      table,
      columns,
      span: this.since(start),
    }
  })

  readonly createSchema = this.RULE('createSchema', (start: number): CreateSchema => {
    this.CONSUME(SCHEMA)
    const ifNotExists = this.SUBRULE(this.ifNotExists)
    const name = this.SUBRULE(this.ident)
    return { kind: 'create_schema', ifNotExists, name, span: this.since(start) }
  })

  readonly objectKind = this.RULE(
    'objectKind',
    (): ObjectKind =>
      this.OR<ObjectKind>([
        {
          ALT: () => {
            this.CONSUME(TABLE)
            return 'table' as const
          },
        },
        {
          ALT: () => {
            this.CONSUME(INDEX)
            return 'index' as const
          },
        },
        {
          ALT: () => {
            this.CONSUME(STREAM)
            return 'stream' as const
          },
        },
        {
          ALT: () => {
            this.CONSUME(SOURCE)
            return 'source' as const
          },
        },
        {
          ALT: () => {
            this.CONSUME(VIEW)
            return 'view' as const
          },
        },
        {
          ALT: () => {
            this.CONSUME(MATERIALIZED)
            this.CONSUME1(VIEW)
            return 'materialized_view' as const
          },
        },
        {
          ALT: () => {
            this.CONSUME(SINK)
            return 'sink' as const
          },
        },
        {
          ALT: () => {
            this.CONSUME(MODEL)
            return 'model' as const
          },
        },
      ]),
  )

  readonly dropSchema = this.RULE('dropSchema', (start: number): DropSchema => {
    const names: Ident[] = []
    this.CONSUME(SCHEMA)
    const ifExists = this.SUBRULE(this.ifExists)
    this.AT_LEAST_ONE_SEP({ SEP: t.Comma, DEF: () => names.push(this.SUBRULE(this.ident)) })
    const cascade = this.SUBRULE(this.cascade)
    return { kind: 'drop_schema', ifExists, names, cascade, span: this.since(start) }
  })

  readonly cascade = this.RULE('cascade', (): boolean => {
    let said = false
    this.OPTION(() =>
      this.OR([
        {
          ALT: () => {
            this.CONSUME(CASCADE)
            said = true
          },
        },
        { ALT: () => this.CONSUME(RESTRICT) },
      ]),
    )
    return said
  })

  readonly reindex = this.RULE('reindex', (): Reindex => {
    const start = this.mark()
    let name: Name | undefined
    this.CONSUME(REINDEX)
    this.OPTION(() => this.OR([{ ALT: () => this.CONSUME(TABLE) }, { ALT: () => this.CONSUME(INDEX) }]))
    this.OPTION1(() => {
      name = this.SUBRULE(this.name)
    })
    return { kind: 'reindex', ...(name && { name }), span: this.since(start) }
  })

  /** `ANALYZE [VERBOSE] [a, b (x, y)]`, `VACUUM [FULL] [VERBOSE] [ANALYZE] [a]`, `FLUSH` */
  readonly maintain = this.RULE('maintain', (): Maintain => {
    const start = this.mark()
    const names: Name[] = []
    const work = this.OR<Maintain['work']>([
      {
        ALT: () => {
          this.CONSUME(ANALYZE)
          return 'analyze' as const
        },
      },
      {
        ALT: () => {
          this.CONSUME(VACUUM)
          this.OPTION(() => this.CONSUME(FULL))
          return 'vacuum' as const
        },
      },
      {
        ALT: () => {
          this.CONSUME(FLUSH)
          return 'flush' as const
        },
      },
    ])
    this.OPTION1({ GATE: () => work !== 'flush' && this.nextIs(VERBOSE), DEF: () => this.CONSUME(VERBOSE) })
    this.OPTION2({ GATE: () => work === 'vacuum' && this.nextIs(ANALYZE), DEF: () => this.CONSUME1(ANALYZE) })
    this.OPTION3({
      GATE: () => work !== 'flush',
      DEF: () =>
        this.AT_LEAST_ONE_SEP({
          SEP: t.Comma,
          DEF: () => {
            names.push(this.SUBRULE(this.name))
            this.OPTION4(() => this.SUBRULE(this.identList))
          },
        }),
    })
    return { kind: 'maintain', work, names, span: this.since(start) }
  })

  readonly createStream = this.RULE('createStream', (orReplace: boolean, start: number): CreateStream => {
    this.CONSUME(STREAM)
    const ifNotExists = this.SUBRULE(this.ifNotExists)
    const name = this.SUBRULE(this.name)
    const { columns, watermark } = this.SUBRULE(this.streamElements)
    const options = this.SUBRULE(this.withOptions)
    return {
      kind: 'create_stream',
      orReplace,
      ifNotExists,
      name,
      columns,
      ...(watermark && { watermark }),
      options,
      span: this.since(start),
    }
  })

  readonly createSource = this.RULE('createSource', (orReplace: boolean, start: number): CreateSource => {
    let format: Format | undefined
    this.CONSUME(SOURCE)
    const ifNotExists = this.SUBRULE(this.ifNotExists)
    const name = this.SUBRULE(this.name)
    const { columns, watermark } = this.SUBRULE(this.streamElements)
    const options = this.SUBRULE(this.withOptions)
    this.OPTION(() => {
      format = this.SUBRULE(this.format)
    })
    return {
      kind: 'create_source',
      orReplace,
      ifNotExists,
      name,
      columns,
      ...(watermark && { watermark }),
      options,
      ...(format && { format }),
      span: this.since(start),
    }
  })

  /** The elements of what is append-only: no primary key. */
  readonly streamElements = this.RULE('streamElements', (): Elements => {
    const elements = this.SUBRULE(this.elements)
    this.ACTION(() => {
      const ofColumns = elements.columns.flatMap((column) => column.constraints)
      const [other] = [...elements.constraints, ...ofColumns].filter((c) => c.type !== 'primary_key')
      if (other !== undefined) {
        throw new SqlError(
          Code.FeatureNotSupported,
          `${other.type.toUpperCase()} constraints of a stream are not supported`,
          {
            at: other.span,
            hint: 'NOT NULL and DEFAULT are.',
          },
        )
      }
      const keyed = elements.constraints[0] ?? elements.columns.find((column) => column.primaryKey)
      refuse(
        keyed,
        'a stream has no primary key',
        'A stream keeps every row; rows that replace each other belong in a table.',
      )
    })
    return elements
  })

  readonly createView = this.RULE('createView', (orReplace: boolean, start: number): CreateView => {
    let materialized = false
    let columns: Ident[] = []
    this.OPTION(() => {
      this.CONSUME(MATERIALIZED)
      materialized = true
    })
    this.CONSUME(VIEW)
    const ifNotExists = this.SUBRULE(this.ifNotExists)
    const name = this.SUBRULE(this.name)
    this.OPTION1(() => {
      columns = this.SUBRULE(this.identList)
    })
    const options = this.SUBRULE(this.withOptions)
    this.CONSUME(AS)
    const query = this.SUBRULE(this.query)
    return {
      kind: 'create_view',
      materialized,
      orReplace,
      ifNotExists,
      name,
      columns,
      options,
      query,
      span: this.since(start),
    }
  })

  readonly createSink = this.RULE('createSink', (orReplace: boolean, start: number): CreateSink => {
    let from: Name | undefined
    let query: Query | undefined
    let format: Format | undefined
    this.CONSUME(SINK)
    const ifNotExists = this.SUBRULE(this.ifNotExists)
    const name = this.SUBRULE(this.name)
    this.OR([
      {
        ALT: () => {
          this.CONSUME(FROM)
          from = this.SUBRULE1(this.name)
        },
      },
      {
        ALT: () => {
          this.CONSUME(AS)
          query = this.SUBRULE(this.query)
        },
      },
    ])
    const options = this.SUBRULE(this.withOptions)
    this.OPTION(() => {
      format = this.SUBRULE(this.format)
    })
    return {
      kind: 'create_sink',
      orReplace,
      ifNotExists,
      name,
      ...(from && { from }),
      ...(query && { query }),
      options,
      ...(format && { format }),
      span: this.since(start),
    }
  })

  readonly createModel = this.RULE('createModel', (orReplace: boolean, start: number): CreateModel => {
    this.CONSUME(MODEL)
    const ifNotExists = this.SUBRULE(this.ifNotExists)
    const name = this.SUBRULE(this.name)
    this.CONSUME(FROM)
    const pathStart = this.mark()
    const path = this.SUBRULE(this.text)
    const pathSpan = this.since(pathStart)
    const options = this.SUBRULE(this.withOptions)
    return { kind: 'create_model', orReplace, ifNotExists, name, path, pathSpan, options, span: this.since(start) }
  })

  readonly dropObjects = this.RULE('dropObjects', (start: number): Drop => {
    const names: Name[] = []
    const object = this.SUBRULE(this.objectKind)
    const ifExists = this.SUBRULE(this.ifExists)
    this.AT_LEAST_ONE_SEP({ SEP: t.Comma, DEF: () => names.push(this.SUBRULE(this.name)) })
    const cascade = this.SUBRULE(this.cascade)
    return { kind: 'drop', object, ifExists, names, cascade, span: this.since(start) }
  })
}

function refuse(node: { readonly span: Span } | undefined, message: string, hint: string): void {
  if (node !== undefined) throw new SqlError(Code.InvalidTableDefinition, message, { at: node.span, hint })
}
