/** Statements that change no rows: transactions, ALTER, and the care of the database (BACKUP, CHECKPOINT, CHECK). */
import { EOF, type ParserMethod } from '../chevrotain.js'
import * as t from '../tokens.js'
import type {
  AlterAction,
  AlterTable,
  Backup,
  CheckDatabase,
  Checkpoint,
  Drop,
  DropGroup,
  DropSchema,
  Expr,
  Ident,
  IsolationLevel,
  RenameObject,
  SeekGroup,
  SetOptions,
  Statement,
  Transaction,
} from '../tree.js'
import { DdlGrammar } from './ddl.js'

const [ADD, COLUMN, CONSTRAINT, DATA, DEFAULT, NOT, NULL, RENAME, TYPE, USING] = [
  t.kw('add'),
  t.kw('column'),
  t.kw('constraint'),
  t.kw('data'),
  t.kw('default'),
  t.kw('not'),
  t.kw('null'),
  t.kw('rename'),
  t.kw('type'),
  t.kw('using'),
]
const [
  ABORT,
  ALTER,
  BACKUP,
  BEGIN,
  BEGINNING,
  CHECK,
  CHECKPOINT,
  COMMIT,
  COMMITTED,
  CONSUMER,
  DATABASE,
  DROP,
  END,
  GROUP,
  ISOLATION,
  IF,
  LEVEL,
  MATERIALIZED,
  OFFSET,
  ON,
  ONLY,
  PARTITION,
  READ,
] = [
  t.kw('abort'),
  t.kw('alter'),
  t.kw('backup'),
  t.kw('begin'),
  t.kw('beginning'),
  t.kw('check'),
  t.kw('checkpoint'),
  t.kw('commit'),
  t.kw('committed'),
  t.kw('consumer'),
  t.kw('database'),
  t.kw('drop'),
  t.kw('end'),
  t.kw('group'),
  t.kw('isolation'),
  t.kw('if'),
  t.kw('level'),
  t.kw('materialized'),
  t.kw('offset'),
  t.kw('on'),
  t.kw('only'),
  t.kw('partition'),
  t.kw('read'),
]
const [
  RELEASE,
  REPEATABLE,
  ROLLBACK,
  SAVEPOINT,
  SEEK,
  SERIALIZABLE,
  SET,
  SNAPSHOT,
  SOURCE,
  START,
  STREAM,
  TABLE,
  TIMESTAMP,
  TO,
  TRANSACTION,
  UNCOMMITTED,
  WORK,
  WRITE,
] = [
  t.kw('release'),
  t.kw('repeatable'),
  t.kw('rollback'),
  t.kw('savepoint'),
  t.kw('seek'),
  t.kw('serializable'),
  t.kw('set'),
  t.kw('snapshot'),
  t.kw('source'),
  t.kw('start'),
  t.kw('stream'),
  t.kw('table'),
  t.kw('timestamp'),
  t.kw('to'),
  t.kw('transaction'),
  t.kw('uncommitted'),
  t.kw('work'),
  t.kw('write'),
]

type Mode = { isolation: IsolationLevel } | { access: 'read only' | 'read write' }
type SeekTo = { to: SeekGroup['to']; value?: Expr }

export abstract class AdminGrammar extends DdlGrammar {
  readonly transaction = this.RULE('transaction', (): Transaction => {
    const start = this.mark()
    let modes: Omit<Transaction, 'kind' | 'action' | 'span'> = {}
    let name: Ident | undefined
    const action = this.OR<Transaction['action']>([
      {
        ALT: () => {
          this.OR1([
            {
              ALT: () => {
                this.CONSUME(BEGIN)
                this.SUBRULE(this.work)
              },
            },
            {
              ALT: () => {
                this.CONSUME(START)
                this.CONSUME(TRANSACTION)
              },
            },
          ])
          modes = this.SUBRULE(this.transactionModes)
          return 'begin' as const
        },
      },
      {
        ALT: () => {
          this.OR2([{ ALT: () => this.CONSUME(COMMIT) }, { ALT: () => this.CONSUME(END) }])
          this.SUBRULE1(this.work)
          return 'commit' as const
        },
      },
      {
        ALT: () => {
          this.CONSUME(ROLLBACK)
          this.SUBRULE2(this.work)
          this.OPTION(() => {
            this.CONSUME(TO)
            name = this.SUBRULE(this.savepoint)
          })
          return name === undefined ? ('rollback' as const) : ('rollback to' as const)
        },
      },
      {
        ALT: () => {
          this.CONSUME(ABORT)
          this.SUBRULE3(this.work)
          return 'rollback' as const
        },
      },
      {
        ALT: () => {
          this.CONSUME(SAVEPOINT)
          name = this.SUBRULE(this.ident)
          return 'savepoint' as const
        },
      },
      {
        ALT: () => {
          this.CONSUME(RELEASE)
          name = this.SUBRULE1(this.savepoint)
          return 'release' as const
        },
      },
    ])
    return { kind: 'transaction', action, ...modes, ...(name && { name }), span: this.since(start) }
  })

  /** `[SAVEPOINT] name`: a savepoint may be called that, too. */
  readonly savepoint = this.RULE('savepoint', (): Ident => {
    this.OPTION({
      GATE: () => this.LA(2).tokenType !== EOF,
      DEF: () => this.CONSUME(SAVEPOINT),
    })
    return this.SUBRULE(this.ident)
  })

  readonly work = this.RULE('work', (): void => {
    this.OPTION(() => this.OR([{ ALT: () => this.CONSUME(TRANSACTION) }, { ALT: () => this.CONSUME(WORK) }]))
  })

  /** PostgreSQL takes commas between them and does without. */
  readonly transactionModes = this.RULE('transactionModes', (): Omit<Transaction, 'kind' | 'action' | 'span'> => {
    let modes: Omit<Transaction, 'kind' | 'action' | 'span'> = {}
    this.OPTION(() => {
      modes = this.SUBRULE(this.transactionMode)
      this.MANY(() => {
        this.OPTION1(() => this.CONSUME(t.Comma))
        const mode = this.SUBRULE1(this.transactionMode)
        modes = { ...modes, ...mode }
      })
    })
    return modes
  })

  readonly transactionMode = this.RULE(
    'transactionMode',
    (): Mode =>
      this.OR<Mode>([
        {
          ALT: () => {
            this.CONSUME(ISOLATION)
            this.CONSUME(LEVEL)
            return { isolation: this.SUBRULE(this.isolationLevel) }
          },
        },
        {
          ALT: () => {
            this.CONSUME(READ)
            return this.OR1<Mode>([
              {
                ALT: () => {
                  this.CONSUME(ONLY)
                  return { access: 'read only' as const }
                },
              },
              {
                ALT: () => {
                  this.CONSUME(WRITE)
                  return { access: 'read write' as const }
                },
              },
            ])
          },
        },
      ]),
  )

  readonly isolationLevel = this.RULE(
    'isolationLevel',
    (): IsolationLevel =>
      this.OR<IsolationLevel>([
        {
          ALT: () => {
            this.CONSUME(SERIALIZABLE)
            return 'serializable' as const
          },
        },
        {
          ALT: () => {
            this.CONSUME(SNAPSHOT)
            return 'snapshot' as const
          },
        },
        {
          ALT: () => {
            this.CONSUME(REPEATABLE)
            this.CONSUME(READ)
            return 'repeatable read' as const
          },
        },
        {
          ALT: () => {
            this.CONSUME1(READ)
            return this.OR1<IsolationLevel>([
              {
                ALT: () => {
                  this.CONSUME(COMMITTED)
                  return 'read committed' as const
                },
              },
              {
                ALT: () => {
                  this.CONSUME(UNCOMMITTED)
                  return 'read uncommitted' as const
                },
              },
            ])
          },
        },
      ]),
  )

  readonly alter: ParserMethod<[], Statement> = this.RULE('alter', (): Statement => {
    const start = this.mark()
    this.CONSUME(ALTER)
    return this.OR<Statement>({
      DEF: [
        {
          GATE: () => this.nextIs(TABLE) && !this.setsOptions(),
          ALT: () => this.SUBRULE(this.alterTable, { ARGS: [start] }),
        },
        { GATE: () => this.renamesObject(), ALT: () => this.SUBRULE(this.renameObject, { ARGS: [start] }) },
        { ALT: () => this.SUBRULE(this.setOptions, { ARGS: [start] }) },
        { ALT: () => this.SUBRULE(this.seekGroup, { ARGS: [start] }) },
      ],
      IGNORE_AMBIGUITIES: true,
    })
  })

  /** `TABLE a.b SET (` is about options. */
  private setsOptions(): boolean {
    let at = 3
    while (this.nextIs(t.Dot, at)) at += 2
    return this.nextIs(SET, at) && this.nextIs(t.LeftParen, at + 1)
  }

  /** `MATERIALIZED VIEW a.b RENAME`: streams and sources have options too. */
  private renamesObject(): boolean {
    let at = this.nextIs(MATERIALIZED) ? 3 : 2
    if (this.nextIs(IF, at)) at += 2
    while (this.nextIs(t.Dot, at + 1)) at += 2
    return this.nextIs(RENAME, at + 1)
  }

  readonly renameObject = this.RULE('renameObject', (start: number): RenameObject => {
    const object = this.SUBRULE(this.objectKind)
    const ifExists = this.SUBRULE(this.ifExists)
    const name = this.SUBRULE(this.name)
    this.CONSUME(RENAME)
    this.CONSUME(TO)
    const to = this.SUBRULE(this.ident)
    return { kind: 'rename_object', object, ifExists, name, to, span: this.since(start) }
  })

  readonly alterTable = this.RULE('alterTable', (start: number): AlterTable => {
    this.CONSUME(TABLE)
    const ifExists = this.SUBRULE(this.ifExists)
    const name = this.SUBRULE(this.name)
    const actions: AlterAction[] = []
    this.OR([
      { ALT: () => actions.push(this.SUBRULE(this.renames)) },
      {
        ALT: () => this.AT_LEAST_ONE_SEP({ SEP: t.Comma, DEF: () => actions.push(this.SUBRULE(this.alterAction)) }),
      },
    ])
    return { kind: 'alter_table', ifExists, name, actions, span: this.since(start) }
  })

  readonly alterAction = this.RULE(
    'alterAction',
    (): AlterAction =>
      this.OR<AlterAction>([
        { ALT: () => this.SUBRULE(this.alterColumn) },
        { ALT: () => this.SUBRULE(this.addPart) },
        { ALT: () => this.SUBRULE(this.dropPart) },
      ]),
  )

  readonly addPart = this.RULE('addPart', (): AlterAction => {
    this.CONSUME(ADD)
    return this.OR<AlterAction>({
      DEF: [
        {
          GATE: () => this.constraintAhead(),
          ALT: () => ({
            do: 'add_constraint' as const,
            constraint: this.SUBRULE(this.constraint, { ARGS: [false] }),
          }),
        },
        {
          ALT: () => {
            this.OPTION({ GATE: () => this.columnWord(), DEF: () => this.CONSUME(COLUMN) })
            const ifNotExists = this.SUBRULE(this.ifNotExists)
            return { do: 'add_column' as const, ifNotExists, column: this.SUBRULE(this.column) }
          },
        },
      ],
      IGNORE_AMBIGUITIES: true,
    })
  })

  readonly dropPart = this.RULE('dropPart', (): AlterAction => {
    this.CONSUME(DROP)
    return this.OR<AlterAction>({
      DEF: [
        {
          GATE: () => this.nextIs(CONSTRAINT) && this.nextMatches(t.Identifier, 2),
          ALT: () => {
            this.CONSUME(CONSTRAINT)
            const ifExists = this.SUBRULE(this.ifExists)
            const constraint = this.SUBRULE(this.ident)
            this.SUBRULE(this.cascade)
            return { do: 'drop_constraint' as const, ifExists, constraint }
          },
        },
        {
          ALT: () => {
            this.OPTION({ GATE: () => this.columnWord(), DEF: () => this.CONSUME(COLUMN) })
            const ifExists = this.SUBRULE1(this.ifExists)
            const column = this.SUBRULE1(this.ident)
            return { do: 'drop_column' as const, ifExists, column, cascade: this.SUBRULE1(this.cascade) }
          },
        },
      ],
      IGNORE_AMBIGUITIES: true,
    })
  })

  /** Whether COLUMN is the noise word ahead, and not a column's name. */
  private columnWord(): boolean {
    return this.nextIs(COLUMN) && this.nextMatches(t.Identifier, 2)
  }

  readonly renames = this.RULE('renames', (): AlterAction => {
    this.CONSUME(RENAME)
    return this.OR<AlterAction>({
      DEF: [
        {
          GATE: () => this.nextIs(TO),
          ALT: () => {
            this.CONSUME(TO)
            return { do: 'rename' as const, to: this.SUBRULE(this.ident) }
          },
        },
        {
          ALT: () => {
            this.OPTION({ GATE: () => !this.nextIs(TO, 2), DEF: () => this.CONSUME(COLUMN) })
            const column = this.SUBRULE1(this.ident)
            this.CONSUME1(TO)
            return { do: 'rename_column' as const, column, to: this.SUBRULE2(this.ident) }
          },
        },
      ],
      IGNORE_AMBIGUITIES: true,
    })
  })

  readonly alterColumn = this.RULE('alterColumn', (): AlterAction => {
    this.CONSUME(ALTER)
    this.OPTION({ GATE: () => this.nextMatches(t.Identifier, 2), DEF: () => this.CONSUME(COLUMN) })
    const column = this.SUBRULE(this.ident)
    return this.OR<AlterAction>([
      {
        ALT: () => {
          this.CONSUME(SET)
          return this.OR1<AlterAction>([
            {
              ALT: () => {
                this.CONSUME(DEFAULT)
                return { do: 'set_default' as const, column, value: this.SUBRULE(this.expression) }
              },
            },
            {
              ALT: () => {
                this.CONSUME(NOT)
                this.CONSUME(NULL)
                return { do: 'set_not_null' as const, column }
              },
            },
            {
              ALT: () => {
                this.CONSUME(DATA)
                this.CONSUME(TYPE)
                return this.SUBRULE(this.newType, { ARGS: [column] })
              },
            },
          ])
        },
      },
      {
        ALT: () => {
          this.CONSUME1(TYPE)
          return this.SUBRULE1(this.newType, { ARGS: [column] })
        },
      },
      {
        ALT: () => {
          this.CONSUME(DROP)
          return this.OR2<AlterAction>([
            {
              ALT: () => {
                this.CONSUME1(DEFAULT)
                return { do: 'drop_default' as const, column }
              },
            },
            {
              ALT: () => {
                this.CONSUME1(NOT)
                this.CONSUME1(NULL)
                return { do: 'drop_not_null' as const, column }
              },
            },
          ])
        },
      },
    ])
  })

  readonly newType = this.RULE('newType', (column: Ident): AlterAction => {
    let using: Expr | undefined
    const type = this.SUBRULE(this.typeName)
    this.OPTION(() => {
      this.CONSUME(USING)
      using = this.SUBRULE(this.expression)
    })
    return { do: 'set_type', column, type, ...(using && { using }) }
  })

  readonly setOptions = this.RULE('setOptions', (start: number): SetOptions => {
    const object = this.OR<SetOptions['object']>([
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
          this.CONSUME(TABLE)
          return 'table' as const
        },
      },
    ])
    const name = this.SUBRULE(this.name)
    this.CONSUME(SET)
    const options = this.SUBRULE(this.optionList)
    return { kind: 'set_options', object, name, options, span: this.since(start) }
  })

  readonly seekGroup = this.RULE('seekGroup', (start: number): SeekGroup => {
    let partition: Expr | undefined
    this.CONSUME(CONSUMER)
    this.CONSUME(GROUP)
    const { group, groupSpan } = this.SUBRULE(this.groupName)
    this.CONSUME(ON)
    const stream = this.SUBRULE(this.name)
    this.OPTION(() => {
      this.CONSUME(PARTITION)
      partition = this.SUBRULE(this.value)
    })
    this.CONSUME(SEEK)
    this.CONSUME(TO)
    const seek = this.SUBRULE(this.seekTo)
    return {
      kind: 'seek_group',
      group,
      groupSpan,
      stream,
      ...(partition && { partition }),
      ...seek,
      span: this.since(start),
    }
  })

  readonly groupName = this.RULE('groupName', (): Pick<SeekGroup, 'group' | 'groupSpan'> => {
    const start = this.mark()
    const group = this.OR<string>([
      { ALT: () => this.SUBRULE(this.ident).name },
      { ALT: () => this.SUBRULE(this.text) },
    ])
    return { group, groupSpan: this.since(start) }
  })

  readonly drop: ParserMethod<[], Drop | DropGroup | DropSchema> = this.RULE(
    'drop',
    (): Drop | DropGroup | DropSchema => {
      const start = this.mark()
      this.CONSUME(DROP)
      return this.OR<Drop | DropGroup | DropSchema>([
        { ALT: () => this.SUBRULE(this.dropSchema, { ARGS: [start] }) },
        { ALT: () => this.SUBRULE(this.dropObjects, { ARGS: [start] }) },
        { ALT: () => this.SUBRULE(this.dropGroup, { ARGS: [start] }) },
      ])
    },
  )

  readonly dropGroup = this.RULE('dropGroup', (start: number): DropGroup => {
    this.CONSUME(CONSUMER)
    this.CONSUME(GROUP)
    const ifExists = this.SUBRULE(this.ifExists)
    const { group, groupSpan } = this.SUBRULE(this.groupName)
    this.CONSUME(ON)
    const stream = this.SUBRULE(this.name)
    return { kind: 'drop_group', ifExists, group, groupSpan, stream, span: this.since(start) }
  })

  readonly seekTo = this.RULE(
    'seekTo',
    (): SeekTo =>
      this.OR<SeekTo>([
        {
          ALT: () => {
            this.CONSUME(BEGINNING)
            return { to: 'beginning' as const }
          },
        },
        {
          ALT: () => {
            this.CONSUME(END)
            return { to: 'end' as const }
          },
        },
        {
          ALT: () => {
            this.CONSUME(OFFSET)
            return { to: 'offset' as const, value: this.SUBRULE(this.value) }
          },
        },
        {
          ALT: () => {
            this.CONSUME(TIMESTAMP)
            return { to: 'timestamp' as const, value: this.SUBRULE1(this.value) }
          },
        },
      ]),
  )

  readonly backup = this.RULE('backup', (): Backup => {
    const start = this.mark()
    this.CONSUME(BACKUP)
    this.CONSUME(TO)
    const pathStart = this.mark()
    const path = this.SUBRULE(this.text)
    return { kind: 'backup', path, pathSpan: this.since(pathStart), span: this.since(start) }
  })

  readonly checkpoint = this.RULE('checkpoint', (): Checkpoint => {
    const start = this.mark()
    this.CONSUME(CHECKPOINT)
    return { kind: 'checkpoint', span: this.since(start) }
  })

  readonly checkDatabase = this.RULE('checkDatabase', (): CheckDatabase => {
    const start = this.mark()
    this.CONSUME(CHECK)
    this.CONSUME(DATABASE)
    return { kind: 'check_database', span: this.since(start) }
  })
}
