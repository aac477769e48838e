/** The planner's way in: text to statements (`parseScript`), a statement to what the engine is asked (`compile`). */

import { ParameterTypes } from './bind/parameters.js'
import {
  compileBackup,
  compileCheckpoint,
  compileDropGroup,
  compileSeekGroup,
  compileTruncate,
  inspect,
} from './compile/admin.js'
import { type CompileContext, type Compiled, newSession } from './compile/context.js'
import { compileCopy } from './compile/copy.js'
import { setOptions } from './compile/ddl/alter.js'
import { alterTable } from './compile/ddl/alter-table.js'
import { createIndex, maintain, reindex } from './compile/ddl/create-index.js'
import { createModel } from './compile/ddl/create-model.js'
import { createSink } from './compile/ddl/create-sink.js'
import { createSource } from './compile/ddl/create-source.js'
import { createStream, createTable } from './compile/ddl/create-table.js'
import { createTableAs } from './compile/ddl/create-table-as.js'
import { createView } from './compile/ddl/create-view.js'
import { drop } from './compile/ddl/drop.js'
import { renameObject } from './compile/ddl/rename.js'
import { createSchema, dropSchema } from './compile/ddl/schema.js'
import { compileDelete, compileInsert, compileUpdate } from './compile/dml.js'
import { explain } from './compile/explain/explain.js'
import { describe, show } from './compile/explain/show.js'
import { compileMerge } from './compile/merge.js'
import { compileExecute, compilePrepare } from './compile/prepare.js'
import { compileQuery, compileSubscribe, compileVerify } from './compile/select-statement.js'
import { compileTransaction } from './compile/transaction.js'
import { Code } from './diag/codes.js'
import { SqlError } from './diag/error.js'
import type { Statement } from './syntax/tree.js'

// All that `src` may use of the planner: the contract's types, errors, and the text of values.
export { fillIn, ParameterTypes, valueAs } from './bind/parameters.js'
export type { Catalog } from './catalog/catalog.js'
export { createCatalog } from './catalog/catalog.js'
export type {
  CompileContext,
  Compiled,
  DdlCompiled,
  PlannedParameters,
  TransactionCompiled,
} from './compile/context.js'
export type { CopyFormat } from './compile/copy.js'
export { printOption } from './compile/ddl/relation-options.js'
export { SETTINGS } from './compile/settings.js'
export type * from './contract/plan.generated.js'
export { PLAN_VERSION } from './contract/plan.generated.js'
export { Code } from './diag/codes.js'
export { SqlError } from './diag/error.js'
export { isComplete, type ParsedScript, type ParsedStatement, parseScript } from './syntax/script.js'
export { split } from './syntax/split.js'
export type { Statement } from './syntax/tree.js'
export { isNested, isPlainNumeric, sameType, typeName } from './types/data-type.js'
export { floorDivide, formatDate, formatTime, formatTimestamp } from './types/date-time.js'
export { formatDecimal, parseDecimal, precisionOf, rescale } from './types/decimal.js'
export { fixedMicroseconds, formatInterval, type IntervalParts, parseInterval } from './types/interval.js'
export { INTEGER_LIMITS, literalType, printLiteral } from './types/literal.js'
export { parseValue } from './types/parse-value.js'
export { formatUuid, parseUuid } from './types/uuid.js'

/** Plans one statement against the catalog of the context. Throws `SqlError` with position and caret. */
export function compile(statement: Statement, context: CompileContext): Compiled {
  try {
    const session = newSession(context)
    const compiled = compileStatement(statement, { ...onPath(context), session })
    if (compiled.kind !== 'query' && compiled.kind !== 'dml') return compiled
    const { parameters } = context
    return {
      ...compiled,
      ...(session.momentary && { momentary: true }),
      ...(session.sets.length > 0 && { sets: session.sets }),
      ...(parameters instanceof ParameterTypes && {
        parameters: { types: parameters.decided(), needed: parameters.needed },
      }),
    }
  } catch (error) {
    if (error instanceof SqlError) throw error.locate(context.searchText)
    // A plan deeper than the stack is the statement's doing, not a fault of ours.
    if (error instanceof RangeError)
      throw new SqlError(Code.StatementTooComplex, 'stack depth limit exceeded', {
        at: statement.span,
        text: context.searchText,
      })
    throw error
  }
}

/** The catalog as SET search_path has it looked through. */
function onPath(context: CompileContext): CompileContext {
  const said = context.settings?.get('search_path')
  if (said === undefined) return context
  const schemas = said.split(',').map((part) => part.trim().replace(/^"(.*)"$/, '$1'))
  const path = schemas.filter((schema) => schema !== '' && schema !== '$user')
  return {
    ...context,
    catalog: context.catalog.withPath(path.map((schema) => (schema === 'main' ? 'public' : schema))),
  }
}

function compileStatement(statement: Statement, context: CompileContext): Compiled {
  switch (statement.kind) {
    case 'query':
      return compileQuery(statement, context)
    case 'subscribe':
      return compileSubscribe(statement, context)
    case 'verify':
      return compileVerify(statement, context)
    case 'insert':
      return compileInsert(statement, context)
    case 'update':
      return compileUpdate(statement, context)
    case 'delete':
      return compileDelete(statement, context)
    case 'merge':
      return compileMerge(statement, context)
    case 'create_table':
      return createTable(statement, context)
    case 'create_table_as':
      return createTableAs(statement, context)
    case 'alter_table':
      return alterTable(statement, context)
    case 'rename_object':
      return renameObject(statement, context)
    case 'create_schema':
      return createSchema(statement, context)
    case 'drop_schema':
      return dropSchema(statement, context)
    case 'create_index':
      return createIndex(statement, context)
    case 'maintain':
      return maintain(statement, context)
    case 'reindex':
      return reindex(statement, context)
    case 'create_stream':
      return createStream(statement, context)
    case 'create_source':
      return createSource(statement, context)
    case 'create_view':
      return createView(statement, context)
    case 'create_sink':
      return createSink(statement, context)
    case 'create_model':
      return createModel(statement, context)
    case 'drop':
      return drop(statement, context)
    case 'explain':
      return explain(statement, context, compileStatement)
    case 'show':
      return show(statement, context)
    case 'describe':
      return describe(statement, context)
    case 'set':
      return { kind: 'set', name: statement.name.name, value: statement.value ?? null }
    case 'deallocate':
      return {
        kind: 'deallocate',
        name: statement.name?.name,
        tag: statement.name === undefined ? 'DEALLOCATE ALL' : 'DEALLOCATE',
      }
    case 'copy':
      return compileCopy(statement, context)
    case 'prepare':
      return compilePrepare(statement, context)
    case 'execute':
      return compileExecute(statement, context)
    case 'discard':
      return { kind: 'discard', all: statement.what === 'all', tag: `DISCARD ${statement.what.toUpperCase()}` }
    case 'transaction':
      return compileTransaction(statement, context)
    case 'truncate':
      return compileTruncate(statement, context)
    case 'set_options':
      return setOptions(statement, context)
    case 'drop_group':
      return compileDropGroup(statement, context)
    case 'seek_group':
      return compileSeekGroup(statement, context)
    case 'backup':
      return compileBackup(statement)
    case 'checkpoint':
      return compileCheckpoint()
    case 'check_database':
      return inspect('check_database', 'CHECK DATABASE')
    default:
      return statement satisfies never
  }
}
