/** COPY: which rows, in which form, from where to where. The session reads and writes the form. */
import { fail, unsupported } from '../bind/fail.js'
import { objectName } from '../bind/object-name.js'
import { columnsOf, hasRows, kindName } from '../catalog/catalog.js'
import type { Definition } from '../contract/plan.generated.js'
import type * as tree from '../syntax/tree.js'
import type { CompileContext, Compiled } from './context.js'
import { columnAt } from './ddl/columns.js'
import { filledBy } from './ddl/filled-columns.js'
import { compileQuery } from './select-statement.js'

export interface CopyFormat {
  readonly format: 'text' | 'csv' | 'json'
  readonly delimiter: string
  /** What stands for NULL. */
  readonly null: string
  /** A first line of names; `match` has to have those of the columns. */
  readonly header: boolean | 'match'
  readonly quote: string
  readonly escape: string
  /** Names of columns, or all. */
  readonly forceQuote: readonly string[] | '*'
  readonly forceNotNull: readonly string[]
  readonly forceNull: readonly string[]
}

const DEFAULTS = {
  text: { delimiter: '\t', null: '\\N' },
  csv: { delimiter: ',', null: '' },
  json: { delimiter: '', null: '' },
} as const

export function compileCopy(statement: tree.Copy, context: CompileContext): Compiled {
  const form = formatOf(statement)
  return statement.from ? copyFrom(statement, form, context) : copyTo(statement, form, context)
}

function copyFrom(statement: tree.Copy, form: CopyFormat, context: CompileContext): Compiled {
  const { relation, path = null } = statement
  if (relation === undefined) fail('SyntaxError', 'COPY FROM takes a table, not a query', statement.span)
  const definition = found(relation, context)
  const { object } = definition
  if (object.kind !== 'table' && object.kind !== 'stream')
    fail('WrongObjectType', `cannot copy to ${kindName(object.kind)} "${definition.name}"`, relation.span)
  const listed = statement.columns.map((ident) => columnAt(object.columns, ident, `of relation "${definition.name}"`))
  const twice = statement.columns.find((_, i) => listed.indexOf(listed[i]!) !== i)
  if (twice !== undefined) fail('DuplicateColumn', `column "${twice.name}" specified more than once`, twice.span)
  const { catalog } = context
  const generated = listed.find((at) => filledBy(catalog, definition.id, at)?.kind === 'generated')
  if (generated !== undefined) {
    const { name } = object.columns[generated]!
    fail('InvalidColumnReference', `column "${name}" is a generated column`, statement.span, {
      detail: 'Generated columns cannot be used in COPY.',
    })
  }
  const all = object.columns.map((_, i) => i).filter((at) => filledBy(catalog, definition.id, at)?.kind !== 'generated')
  const columns = listed.length > 0 ? listed : all
  // What no line gives and the engine fills may be NULL until then.
  const isLeft = (at: number) => !columns.includes(at) && filledBy(catalog, definition.id, at) !== undefined
  const inner = object.columns.map((c, at) => (isLeft(at) ? { ...c, nullable: true } : c))
  return {
    kind: 'copy_from',
    definition: { ...definition, object: { ...object, columns: inner } },
    columns,
    form,
    path,
  }
}

function copyTo(statement: tree.Copy, form: CopyFormat, context: CompileContext): Compiled {
  const { query = selectOf(statement, context), path = null } = statement
  const compiled = compileQuery(query, context)
  if (compiled.kind !== 'query') throw new Error('a query is compiled to one')
  return { kind: 'copy_to', command: compiled.command, fields: compiled.fields, form, path }
}

/** `COPY t (a, b) TO` is a query of these columns. */
function selectOf({ relation, columns, span }: tree.Copy, context: CompileContext): tree.Query {
  const definition = found(relation!, context)
  const { kind } = definition.object
  if (kind === 'view' || kind === 'materialized_view') {
    fail('WrongObjectType', `cannot copy from ${kindName(kind)} "${definition.name}"`, relation!.span, {
      hint: 'Try the COPY (SELECT ...) TO variant.',
    })
  }
  const all = columnsOf(definition)!.map(({ name }): tree.Ident => ({ kind: 'ident', name, span }))
  const items = (columns.length > 0 ? columns : all).map((column): tree.SelectItem => {
    return { kind: 'select_expr', expr: { kind: 'column', parts: [column], span: column.span }, span }
  })
  const body: tree.Select = {
    kind: 'select',
    distinct: false,
    distinctOn: [],
    items,
    from: [{ kind: 'table_name', name: relation!, span }],
    windows: [],
    span,
  }
  return { kind: 'query', body, orderBy: [], span }
}

function found(name: tree.Name, { catalog }: CompileContext): Definition {
  const wanted = objectName(name)
  const definition = catalog.find(wanted)
  if (definition !== undefined && columnsOf(definition) !== undefined) return definition
  const near = catalog.didYouMean(wanted, hasRows)
  return fail('UndefinedTable', `relation "${wanted}" does not exist`, name.span, {
    hint: near === undefined ? undefined : `Perhaps you meant "${near}".`,
  })
}

function formatOf({ options, from, span }: tree.Copy): CopyFormat {
  const seen = new Map<string, tree.CopyOption>()
  for (const option of options) {
    const { name } = option
    const key =
      name === 'csv' || name === 'binary' || name === 'text' ? 'format' : name === 'delimiters' ? 'delimiter' : name
    if (seen.has(key)) fail('SyntaxError', 'conflicting or redundant options', option.span)
    if (!KNOWN.has(key)) fail('SyntaxError', `option "${name}" not recognized`, option.span)
    seen.set(key, key === name ? option : { ...option, value: key === 'format' ? name : (option.value ?? '') })
  }
  const format = textOf(seen.get('format')) ?? 'text'
  if (format === 'binary') unsupported('COPY in binary format is not supported yet', seen.get('format')!.span)
  if (format !== 'text' && format !== 'csv' && format !== 'json')
    fail('InvalidParameterValue', `COPY format "${format}" not recognized`, seen.get('format')!.span, {
      hint: 'The formats are text, csv and json (an object on each line).',
    })
  for (const key of CSV_ONLY) {
    const option = seen.get(key)
    if (option !== undefined && format !== 'csv')
      fail('FeatureNotSupported', `COPY ${key} available only in CSV mode`, option.span)
  }
  const delimiter = one(seen.get('delimiter'), 'delimiter') ?? DEFAULTS[format].delimiter
  const quote = one(seen.get('quote'), 'quote') ?? '"'
  const encoding = textOf(seen.get('encoding'))
  if (encoding !== undefined && !/^(utf-?8|unicode|sql_ascii)$/i.test(encoding))
    unsupported(`encoding "${encoding}" is not supported`, seen.get('encoding')!.span, 'Files are in UTF-8.')
  if (format === 'text' && /[\\\r\na-z0-9.]/.test(delimiter))
    fail('InvalidParameterValue', `COPY delimiter cannot be "${delimiter}"`, seen.get('delimiter')?.span ?? span)
  if (format === 'csv' && delimiter === quote)
    fail('InvalidParameterValue', 'COPY delimiter and quote must be different', seen.get('delimiter')?.span ?? span)
  return {
    format,
    delimiter,
    null: textOf(seen.get('null')) ?? DEFAULTS[format].null,
    header: headerOf(seen.get('header'), from),
    quote,
    escape: one(seen.get('escape'), 'escape') ?? quote,
    forceQuote: textOf(seen.get('force_quote')) === '*' ? '*' : namesOf(seen.get('force_quote')),
    forceNotNull: namesOf(seen.get('force_not_null')),
    forceNull: namesOf(seen.get('force_null')),
  }
}

const CSV_ONLY = ['quote', 'escape', 'force_quote', 'force_not_null', 'force_null']
const KNOWN = new Set(['format', 'delimiter', 'null', 'header', 'encoding', 'freeze', 'on_error', ...CSV_ONLY])

function textOf(option: tree.CopyOption | undefined): string | undefined {
  return typeof option?.value === 'string' ? option.value : undefined
}

function one(option: tree.CopyOption | undefined, what: string): string | undefined {
  if (option === undefined) return undefined
  const value = textOf(option)
  if (value?.length === 1) return value
  return fail('FeatureNotSupported', `COPY ${what} must be a single one-byte character`, option.span)
}

function namesOf(option: tree.CopyOption | undefined): readonly string[] {
  return Array.isArray(option?.value) ? option.value.map((ident) => ident.name) : []
}

function headerOf(option: tree.CopyOption | undefined, from: boolean): boolean | 'match' {
  if (option === undefined) return false
  const value = textOf(option)?.toLowerCase() ?? 'true'
  if (value === 'match' && from) return 'match'
  if (['true', 'on', '1'].includes(value)) return true
  if (['false', 'off', '0'].includes(value)) return false
  return fail('SyntaxError', 'header requires a Boolean value or "match"', option.span)
}
