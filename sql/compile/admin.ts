/** Statements about what is stored rather than what it says: TRUNCATE, consumer groups, CHECKPOINT, BACKUP, CHECK, SHOW SEGMENTS. */

import { bindCount, bindInstant } from '../bind/as-of.js'
import { fail, unsupported } from '../bind/fail.js'
import { objectName } from '../bind/object-name.js'
import { kindName, type ObjectKind } from '../catalog/catalog.js'
import {
  type Definition,
  INSPECTION_FIELDS,
  type Inspection,
  PLAN_VERSION,
  type Position,
} from '../contract/plan.generated.js'
import type * as tree from '../syntax/tree.js'
import { type CompileContext, type Compiled, environmentOf } from './context.js'

export function compileTruncate(statement: tree.Truncate, context: CompileContext): Compiled {
  const relations = statement.names.map((name) => {
    const found = relation(name, ['table', 'stream'], context)
    if (found.object.kind !== 'table' && found.object.kind !== 'stream') {
      fail('WrongObjectType', `cannot truncate ${kindName(found.object.kind)} "${found.name}"`, name.span, {
        hint: 'Only tables and streams hold rows of their own.',
      })
    }
    if (statement.restart && context.catalog.partsOf(found.id).some(({ object }) => object.kind === 'identity')) {
      const hint = 'Without RESTART IDENTITY, its numbers go on where they were.'
      unsupported(`RESTART IDENTITY of table "${found.name}", which has an identity column`, name.span, hint)
    }
    return found.id
  })
  const command = {
    command: 'truncate' as const,
    version: PLAN_VERSION,
    relations: [...new Set(relations)],
    transaction: null,
  }
  return { kind: 'command', command, tag: 'TRUNCATE TABLE' }
}

export function compileSeekGroup(statement: tree.SeekGroup, context: CompileContext): Compiled {
  const stream = streamOf(statement, context)
  const env = environmentOf(context)
  const { partition } = statement
  const number = partition === undefined ? null : Number(bindCount(partition, 'PARTITION', env))
  if (partition !== undefined && number !== null && number > 0xffff_ffff)
    fail('InvalidParameterValue', `partition ${number} does not exist`, partition.span)
  const command = {
    command: 'consumer_seek' as const,
    version: PLAN_VERSION,
    group: statement.group,
    stream: stream.id,
    seek: { partition: number, to: positionOf(statement, context) },
  }
  return { kind: 'command', command, tag: 'ALTER CONSUMER GROUP' }
}

export function compileDropGroup(statement: tree.DropGroup, context: CompileContext): Compiled {
  const command = {
    command: 'consumer_drop' as const,
    version: PLAN_VERSION,
    group: statement.group,
    stream: streamOf(statement, context).id,
    if_exists: statement.ifExists,
  }
  return { kind: 'command', command, tag: 'DROP CONSUMER GROUP' }
}

/** The stream of a statement about a consumer group. */
function streamOf(statement: tree.SeekGroup | tree.DropGroup, context: CompileContext): Definition {
  const stream = relation(statement.stream, ['stream', 'source'], context)
  if (stream.object.kind !== 'stream' && stream.object.kind !== 'source') {
    fail('WrongObjectType', `"${stream.name}" is a ${kindName(stream.object.kind)}`, statement.stream.span, {
      hint: 'Consumer groups read streams and sources.',
    })
  }
  if (statement.group === '')
    fail('InvalidParameterValue', 'the name of a consumer group must not be empty', statement.groupSpan)
  return stream
}

function positionOf({ to, value }: tree.SeekGroup, context: CompileContext): Position {
  const env = environmentOf(context)
  if (value === undefined) return { at: to === 'beginning' ? 'earliest' : 'latest' }
  if (to === 'timestamp') return { at: 'timestamp', time: bindInstant(value, 'SEEK TO TIMESTAMP', env) }
  return { at: 'offset', offset: bindCount(value, 'SEEK TO OFFSET', env) }
}

export function compileBackup(statement: tree.Backup): Compiled {
  if (statement.path === '' || statement.path.includes('\0'))
    fail('InvalidParameterValue', 'the path of a backup must not be empty', statement.pathSpan)
  return {
    kind: 'command',
    command: { command: 'backup', version: PLAN_VERSION, path: statement.path },
    tag: 'BACKUP',
  }
}

export function compileCheckpoint(): Compiled {
  return { kind: 'command', command: { command: 'checkpoint', version: PLAN_VERSION }, tag: 'CHECKPOINT' }
}

/** What the engine knows of itself, as rows. */
export function inspect(what: Inspection, tag: string): Compiled {
  const command = { command: 'inspect' as const, version: PLAN_VERSION, what }
  return { kind: 'query', command, fields: [...INSPECTION_FIELDS[what]], tag }
}

function relation(name: tree.Name, kinds: readonly ObjectKind[], context: CompileContext): Definition {
  const wanted = objectName(name)
  const found = context.catalog.find(wanted)
  if (found !== undefined) return found
  const near = context.catalog.didYouMean(wanted, (d) => kinds.includes(d.object.kind))
  return fail('UndefinedTable', `relation "${wanted}" does not exist`, name.span, {
    hint: near === undefined ? undefined : `Perhaps you meant "${near}".`,
  })
}
