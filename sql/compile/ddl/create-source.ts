/** CREATE SOURCE: a stream that Kafka fills, and beside it the stream of what could not be decoded. */

import { fail, unsupported } from '../../bind/fail.js'
import { checkLength, newName } from '../../bind/object-name.js'
import { qualified } from '../../catalog/catalog.js'
import { DEAD_LETTER_FIELDS } from '../../catalog/dead-letters.js'
import type { ColumnDef, Definition, StartupMode } from '../../contract/plan.generated.js'
import type { CreateSource, Format } from '../../syntax/tree.js'
import { type CompileContext, type DdlCompiled, environmentOf, textOf } from '../context.js'
import { bindColumns, bindWatermark } from './columns.js'
import { whenTaken } from './existing.js'
import { kafkaOptions } from './kafka.js'
import { Options } from './options.js'
import { definedOptions, RELATION_OPTIONS, storedOptions } from './relation-options.js'
import { schemaFor } from './schema.js'

export function createSource(statement: CreateSource, context: CompileContext): DdlCompiled {
  const name = newName(statement.name)
  const taken = whenTaken(name, statement, 'CREATE SOURCE', context)
  if (taken !== undefined) return taken
  const schema = schemaFor(statement.name, context)
  const letters = deadLettersName(name)
  checkLength(letters, statement.name.span)
  if (context.catalog.find(qualified(schema, letters)) !== undefined) {
    fail('DuplicateTable', `relation "${letters}" already exists`, statement.name.span, {
      detail: `Source "${name}" needs that name for its dead-letter stream.`,
    })
  }
  const notices: string[] = []
  const env = environmentOf(context, notices)
  const inline = statement.columns.find((c) => c.primaryKey)
  if (inline !== undefined)
    unsupported(
      'a source has no primary key',
      inline.span,
      'Read it with a materialized view that keeps the newest row of each key.',
    )
  const columns = bindColumns(statement.columns, env, statement.span)
  const watermark = bindWatermark(statement.watermark, columns, env)
  const { brokers, topic, properties, options } = kafkaOptions(
    statement.options,
    ['scan.startup.mode', ...RELATION_OPTIONS.source],
    'source',
    statement.span,
  )
  const mode = options.get('scan.startup.mode')
  const startup = (mode?.value.toLowerCase() ?? 'earliest') as StartupMode
  if (startup !== 'earliest' && startup !== 'latest') {
    fail('InvalidParameterValue', `scan.startup.mode "${mode?.value}" is not known`, mode?.valueSpan, {
      hint: "It is 'earliest' or 'latest'.",
    })
  }
  checkFormat(statement.format, ['plain'], 'source')
  const id = context.nextId()
  // Some id makers only look: the second id must differ.
  const lettersId = Math.max(context.nextId(), id + 1)
  const sql = textOf(context, statement.span)
  const source: Definition = {
    id,
    name,
    schema,
    sql,
    object: {
      kind: 'source',
      columns,
      watermark,
      kafka: { brokers, topic, startup, dead_letters: lettersId, properties },
      options: definedOptions(storedOptions(options, 'source', columns)),
    },
    depends_on: [lettersId],
  }
  const deadLetters: Definition = {
    id: lettersId,
    name: letters,
    schema,
    sql,
    object: { kind: 'stream', columns: deadLetterColumns(), watermark: null, options: {} },
    depends_on: [],
  }
  return {
    kind: 'ddl',
    changes: [
      { change: 'create', definition: deadLetters },
      { change: 'create', definition: source },
    ],
    tag: 'CREATE SOURCE',
    notices,
  }
}

export function deadLettersName(source: string): string {
  return `${source}_dead_letters`
}

function deadLetterColumns(): ColumnDef[] {
  return DEAD_LETTER_FIELDS.map(({ name, data_type }) => ({ name, data_type, nullable: true, default: null }))
}

export function checkFormat(format: Format | undefined, formats: readonly string[], what: string): void {
  if (format === undefined) return
  if (!formats.includes(format.format)) {
    unsupported(
      `FORMAT ${format.format.toUpperCase()} of a ${what} is not supported yet`,
      format.span,
      `The format of a ${what} is ${formats.map((f) => f.toUpperCase()).join(' or ')}.`,
    )
  }
  if (format.encode !== 'json')
    unsupported(`ENCODE ${format.encode.toUpperCase()} is not supported yet`, format.span, 'The encoding is JSON.')
  new Options(format.options, [], 'format')
}
