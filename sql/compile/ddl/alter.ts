/** ALTER STREAM, ALTER SOURCE and ALTER TABLE … SET (option = value): other options for a relation that is there. */

import { fail, perhaps, unsupported } from '../../bind/fail.js'
import { objectName } from '../../bind/object-name.js'
import { kindName } from '../../catalog/catalog.js'
import type { SetOptions } from '../../syntax/tree.js'
import type { CompileContext, DdlCompiled } from '../context.js'
import { FIXED_OPTIONS, isStored, readOptions } from './relation-options.js'

export function setOptions(statement: SetOptions, context: CompileContext): DdlCompiled {
  const wanted = objectName(statement.name)
  const found = context.catalog.find(wanted)
  if (found === undefined) {
    const near = context.catalog.didYouMean(wanted, (d) => d.object.kind === statement.object)
    fail('UndefinedTable', `${statement.object} "${wanted}" does not exist`, statement.name.span, {
      hint: perhaps(near, statement.object),
    })
  }
  const { object } = found
  if (
    object.kind !== statement.object ||
    (object.kind !== 'stream' && object.kind !== 'source' && object.kind !== 'table')
  ) {
    fail('WrongObjectType', `"${wanted}" is not a ${statement.object}`, statement.name.span, {
      hint: `It is a ${kindName(object.kind)}.`,
    })
  }
  const read = readOptions(statement.options, object.kind, object.columns)
  if (read.size === 0) fail('SyntaxError', 'SET needs at least one option', statement.span)
  const fixed = statement.options.find((option) => FIXED_OPTIONS.includes(option.key))
  if (fixed !== undefined) {
    unsupported(
      `option "${fixed.key}" of a stream cannot be changed`,
      fixed.span,
      'The rows that are there would be in the wrong partitions. Make another stream and insert them into it.',
    )
  }
  const stored = Object.entries(object.options).filter(([key, value]) => isStored(key, value))
  const options = Object.fromEntries(stored)
  for (const [key, value] of read) {
    if (value === undefined) delete options[key]
    else options[key] = value
  }
  return {
    kind: 'ddl',
    changes: [{ change: 'set_options', id: found.id, options }],
    tag: `ALTER ${statement.object.toUpperCase()}`,
    notices: [],
  }
}
