/** COPY FROM: the rows of a text into a table or stream, in batches, as one transaction. All of them, or none. */
import { Code, type ColumnDef, type Definition, type Expr } from '../../../sql/index.js'
import { BatchWriter, batchRows } from '../../native/column-writer.js'
import { MillraceError, toMillraceError } from '../../native/errors.js'
import type { NativeEngine } from '../../native/native.js'
import type { Planned } from '../planning/script.js'
import { fieldValue } from './field-value.js'
import { type Fields, RowReader } from './read-rows.js'

type CopyFrom = Extract<Planned, { kind: 'copy_from' }>

interface Target {
  readonly column: ColumnDef
  /** Of the fields; -1 where the rows leave the column out. */
  readonly field: number
}

/** What of a field is shown in an error. */
const SHOWN_MAX = 100

/** Gives the number of rows. `defaults` computes the defaults of so many rows. */
export async function copyFrom(
  plan: CopyFrom,
  chunks: AsyncIterable<Uint8Array>,
  transaction: bigint,
  engine: NativeEngine,
  defaults: (exprs: readonly Expr[], rows: number) => Promise<readonly (readonly unknown[])[]>,
): Promise<number> {
  const { definition, form } = plan
  const columns = columnsOf(definition)
  const names = plan.columns.map((at) => columns[at]!.name)
  const targets = columns.map((column, at): Target => ({ column, field: plan.columns.indexOf(at) }))
  const missing = targets.filter(({ column, field }) => field === -1 && column.default !== null)
  const writerColumns = columns.map((column) => ({ name: column.name, type: column.data_type }))
  const writer = new BatchWriter(writerColumns, batchRows(writerColumns))
  const reader = new RowReader(form, names)
  const decoder = new TextDecoder('utf-8', { fatal: true })
  const head = { relation: definition.id, on_conflict: { action: 'error' }, transaction } as const
  const waiting: unknown[][] = []
  let count = 0

  const flush = async () => {
    if (waiting.length === 0) return
    const values =
      missing.length === 0
        ? []
        : await defaults(
            missing.map(({ column }) => column.default!),
            waiting.length,
          )
    for (const [row, cells] of waiting.entries()) {
      for (const [i, target] of missing.entries()) {
        const value = values[i]?.[row] ?? null
        if (value === null) checkNull(target, definition)
        cells[targets.indexOf(target)] = value
      }
      writer.add(cells)
      if (writer.full) await send()
    }
    if (writer.rows > 0) await send()
    count += waiting.length
    waiting.length = 0
  }
  const send = async () => {
    const upload = engine.upload()
    upload.write(writer.take())
    await upload.append(head)
  }
  const rows = (last: boolean) => {
    for (let fields = next(reader, last, definition); fields !== undefined; fields = next(reader, last, definition)) {
      waiting.push(rowOf(fields, targets, reader.line, definition))
      if (waiting.length >= BATCH) return true
    }
    return false
  }
  for await (const chunk of chunks) {
    reader.add(decoded(decoder, chunk, false))
    while (rows(false)) await flush()
  }
  reader.add(decoded(decoder, undefined, true))
  while (rows(true)) await flush()
  await flush()
  return count
}

/** Rows that are read before they are written. */
const BATCH = 4096

function columnsOf({ object }: Definition): readonly ColumnDef[] {
  return object.kind === 'table' || object.kind === 'stream' ? object.columns : []
}

function decoded(decoder: InstanceType<typeof TextDecoder>, chunk: Uint8Array | undefined, last: boolean): string {
  try {
    return decoder.decode(chunk, { stream: !last })
  } catch {
    throw new MillraceError(Code.CharacterNotInRepertoire, 'invalid byte sequence for encoding "UTF8"')
  }
}

function next(reader: RowReader, last: boolean, definition: Definition): Fields | undefined {
  try {
    return reader.next(last)
  } catch (error) {
    throw at(error, `COPY ${definition.name}, line ${reader.line}`)
  }
}

function rowOf(fields: Fields, targets: readonly Target[], line: number, definition: Definition): unknown[] {
  const where = `COPY ${definition.name}, line ${line}`
  const expected = targets.reduce((most, { field }) => Math.max(most, field + 1), 0)
  if (fields.length < expected) {
    const column = targets.find(({ field }) => field === fields.length)?.column.name ?? ''
    throw at(
      new MillraceError(Code.BadCopyFileFormat, `missing data for column "${column}"`),
      `${where}: "${shown(fields)}"`,
    )
  }
  if (fields.length > expected) {
    throw at(
      new MillraceError(Code.BadCopyFileFormat, 'extra data after last expected column'),
      `${where}: "${shown(fields)}"`,
    )
  }
  return targets.map((target) => {
    const { column, field } = target
    if (field === -1) {
      if (column.default === null) checkNull(target, definition, where)
      return null
    }
    const text = fields[field] ?? null
    if (text === null) {
      checkNull(target, definition, where)
      return null
    }
    try {
      return fieldValue(text, column.data_type)
    } catch (error) {
      const cut = text.length > SHOWN_MAX ? `${text.slice(0, SHOWN_MAX)}...` : text
      throw at(error, `${where}, column ${column.name}: "${cut}"`)
    }
  })
}

function checkNull({ column }: Target, definition: Definition, where?: string): void {
  if (column.nullable) return
  const message = `null value in column "${column.name}" of relation "${definition.name}" violates not-null constraint`
  throw at(new MillraceError(Code.NotNullViolation, message), where ?? `COPY ${definition.name}`)
}

function shown(fields: Fields): string {
  const text = fields.map((field) => field ?? '\\N').join(' ')
  return text.length > SHOWN_MAX ? `${text.slice(0, SHOWN_MAX)}...` : text
}

/** The error with the place in the data. */
function at(error: unknown, where: string): MillraceError {
  const { code, message, detail, hint, cause } = toMillraceError(error)
  return new MillraceError(code, message, { detail, hint, cause, where })
}
