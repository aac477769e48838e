/** Any statement as SQL text on one line. What it prints parses to the same tree, spans apart: a test holds it to that. */
import { printExpr, printSortItem } from './print-expression.js'
import { printIdent, printIdents, printName, printType, quoteName, quoteString } from './print-name.js'
import { printCommonTables, printQuery, printSelectItem, printTableRef, printValue } from './print-query.js'
import type {
  AlterAction,
  Assignment,
  ColumnDefinition,
  Constraint,
  CopyOption,
  Expr,
  Format,
  GeneratedColumn,
  Insert,
  Merge,
  MergeClause,
  OnConflict,
  Option,
  SelectItem,
  Statement,
  TableRef,
  Watermark,
} from './tree.js'

export { printExpr } from './print-expression.js'
export { printType, quoteName, quoteString } from './print-name.js'
export { printQuery } from './print-query.js'

export function printStatement(statement: Statement): string {
  if (statement.kind !== 'query' && 'with' in statement && statement.with !== undefined) {
    const { with: tables, ...write } = statement
    return `${printCommonTables(tables)} ${printStatement(write)}`
  }
  switch (statement.kind) {
    case 'query':
      return printQuery(statement)
    case 'create_table': {
      const elements = [...statement.columns.map(printColumn), ...statement.constraints.map(printConstraint)]
      return `${create(statement, 'TABLE')} (${elements.join(', ')})${printWith(statement.options)}`
    }
    case 'create_table_as': {
      const columns = statement.columns.length > 0 ? ` ${printIdents(statement.columns)}` : ''
      const head = `${create(statement, 'TABLE')}${columns}${printWith(statement.options)}`
      return `${head} AS ${printQuery(statement.query)}${statement.data ? '' : ' WITH NO DATA'}`
    }
    case 'create_index': {
      const name = statement.name === undefined ? '' : ` ${printName(statement.name)}`
      const head = `CREATE ${statement.unique ? 'UNIQUE ' : ''}INDEX${statement.ifNotExists ? ' IF NOT EXISTS' : ''}${name}`
      return `${head} ON ${printName(statement.table)} (${statement.columns.map(printSortItem).join(', ')})`
    }
    case 'alter_table':
      return `ALTER TABLE ${statement.ifExists ? 'IF EXISTS ' : ''}${printName(statement.name)} ${statement.actions.map(printAction).join(', ')}`
    case 'rename_object': {
      const object = statement.object.replace('_', ' ').toUpperCase()
      return `ALTER ${object} ${statement.ifExists ? 'IF EXISTS ' : ''}${printName(statement.name)} RENAME TO ${printIdent(statement.to)}`
    }
    case 'create_schema':
      return `CREATE SCHEMA ${statement.ifNotExists ? 'IF NOT EXISTS ' : ''}${printIdent(statement.name)}`
    case 'drop_schema': {
      const names = statement.names.map(printIdent).join(', ')
      return `DROP SCHEMA ${statement.ifExists ? 'IF EXISTS ' : ''}${names}${statement.cascade ? ' CASCADE' : ''}`
    }
    case 'maintain': {
      const names = statement.names.map((name) => ` ${printName(name)}`).join(',')
      return `${statement.work.toUpperCase()}${names}`
    }
    case 'reindex':
      return `REINDEX${statement.name === undefined ? '' : ` TABLE ${printName(statement.name)}`}`
    case 'create_stream':
      return `${create(statement, 'STREAM')} ${printElements(statement)}${printWith(statement.options)}`
    case 'create_source': {
      const head = `${create(statement, 'SOURCE')} ${printElements(statement)}`
      return `${head}${printWith(statement.options)}${printFormat(statement.format)}`
    }
    case 'create_view': {
      const columns = statement.columns.length > 0 ? ` ${printIdents(statement.columns)}` : ''
      const head = create(statement, statement.materialized ? 'MATERIALIZED VIEW' : 'VIEW')
      return `${head}${columns}${printWith(statement.options)} AS ${printQuery(statement.query)}`
    }
    case 'create_sink': {
      const from = statement.from === undefined ? '' : ` FROM ${printName(statement.from)}`
      const query = statement.query === undefined ? '' : ` AS ${printQuery(statement.query)}`
      return `${create(statement, 'SINK')}${from}${query}${printWith(statement.options)}${printFormat(statement.format)}`
    }
    case 'create_model':
      return `${create(statement, 'MODEL')} FROM ${quoteString(statement.path)}${printWith(statement.options)}`
    case 'drop': {
      const object = statement.object.replace('_', ' ').toUpperCase()
      const names = statement.names.map(printName).join(', ')
      return `DROP ${object} ${statement.ifExists ? 'IF EXISTS ' : ''}${names}${statement.cascade ? ' CASCADE' : ''}`
    }
    case 'insert':
      return printInsert(statement)
    case 'update': {
      const alias = statement.alias === undefined ? '' : ` AS ${printIdent(statement.alias)}`
      return `UPDATE ${printName(statement.table)}${alias} SET ${printAssignments(statement.assignments)}${printTables(' FROM', statement.from)}${where(statement)}${printReturning(statement)}`
    }
    case 'delete': {
      const alias = statement.alias === undefined ? '' : ` AS ${printIdent(statement.alias)}`
      return `DELETE FROM ${printName(statement.table)}${alias}${printTables(' USING', statement.using)}${where(statement)}${printReturning(statement)}`
    }
    case 'merge':
      return printMerge(statement)
    case 'explain': {
      const list = statement.options.map(({ key, value }) => `${printKey(key)} ${quoteString(value)}`).join(', ')
      const options = list === '' ? '' : ` (${list})`
      return `EXPLAIN${options}${statement.analyze ? ' ANALYZE' : ''} ${printStatement(statement.statement)}`
    }
    case 'show':
      return `SHOW ${statement.name === undefined ? statement.what.replace('_', ' ').toUpperCase() : printIdent(statement.name)}`
    case 'describe':
      return `DESCRIBE ${printName(statement.name)}`
    case 'set': {
      const { name, value } = statement
      return value === undefined ? `RESET ${printIdent(name)}` : `SET ${printIdent(name)} = ${quoteString(value)}`
    }
    case 'subscribe':
      return `SUBSCRIBE TO ${printQuery(statement.query)}${statement.snapshot ? ' WITH SNAPSHOT' : ''}`
    case 'verify':
      return `VERIFY MATERIALIZED VIEW ${printName(statement.name)}`
    case 'transaction': {
      const isolation = statement.isolation === undefined ? '' : ` ISOLATION LEVEL ${statement.isolation.toUpperCase()}`
      const access = statement.access === undefined ? '' : ` ${statement.access.toUpperCase()}`
      const name = statement.name === undefined ? '' : ` ${printIdent(statement.name)}`
      return `${statement.action.toUpperCase()}${isolation}${access}${name}`
    }
    case 'truncate':
      return `TRUNCATE TABLE ${statement.names.map(printName).join(', ')}${statement.restart ? ' RESTART IDENTITY' : ''}`
    case 'set_options':
      return `ALTER ${statement.object.toUpperCase()} ${printName(statement.name)} SET ${printOptions(statement.options)}`
    case 'seek_group': {
      const partition = statement.partition === undefined ? '' : ` PARTITION ${printValue(statement.partition)}`
      const value = statement.value === undefined ? '' : ` ${printValue(statement.value)}`
      const to = `${statement.to.toUpperCase()}${value}`
      return `ALTER CONSUMER GROUP ${quoteString(statement.group)} ON ${printName(statement.stream)}${partition} SEEK TO ${to}`
    }
    case 'drop_group': {
      const ifExists = statement.ifExists ? 'IF EXISTS ' : ''
      return `DROP CONSUMER GROUP ${ifExists}${quoteString(statement.group)} ON ${printName(statement.stream)}`
    }
    case 'backup':
      return `BACKUP TO ${quoteString(statement.path)}`
    case 'checkpoint':
      return 'CHECKPOINT'
    case 'check_database':
      return 'CHECK DATABASE'
    case 'copy': {
      const columns = statement.columns.length === 0 ? '' : ` ${printIdents(statement.columns)}`
      const what =
        statement.query === undefined
          ? `${printName(statement.relation!)}${columns}`
          : `(${printQuery(statement.query)})`
      const where = statement.path === undefined ? (statement.from ? 'STDIN' : 'STDOUT') : quoteString(statement.path)
      const options =
        statement.options.length === 0 ? '' : ` WITH (${statement.options.map(printCopyOption).join(', ')})`
      return `COPY ${what} ${statement.from ? 'FROM' : 'TO'} ${where}${options}`
    }
    case 'prepare': {
      const types = statement.types.length === 0 ? '' : ` (${statement.types.map(printType).join(', ')})`
      return `PREPARE ${printIdent(statement.name)}${types} AS ${printStatement(statement.statement)}`
    }
    case 'execute': {
      const args = statement.args.length === 0 ? '' : ` (${statement.args.map((arg) => printExpr(arg)).join(', ')})`
      return `EXECUTE ${printIdent(statement.name)}${args}`
    }
    case 'deallocate':
      return `DEALLOCATE ${statement.name === undefined ? 'ALL' : printIdent(statement.name)}`
    case 'discard':
      return `DISCARD ${statement.what.toUpperCase()}`
    default:
      return statement satisfies never
  }
}

interface Created {
  readonly orReplace: boolean
  readonly ifNotExists: boolean
  readonly name: Parameters<typeof printName>[0]
}

function create(statement: Created, what: string): string {
  const orReplace = statement.orReplace ? 'OR REPLACE ' : ''
  return `CREATE ${orReplace}${what} ${statement.ifNotExists ? 'IF NOT EXISTS ' : ''}${printName(statement.name)}`
}

function printColumn(column: ColumnDefinition): string {
  const value = column.default === undefined ? '' : ` DEFAULT ${printExpr(column.default)}`
  const notNull = column.notNull ? ' NOT NULL' : ''
  const key = column.primaryKey ? ' PRIMARY KEY' : ''
  const constraints = column.constraints.map((c) => ` ${printConstraint(c)}`).join('')
  const generated = column.generated === undefined ? '' : ` ${printGenerated(column.generated)}`
  return `${printIdent(column.name)} ${printType(column.type)}${notNull}${value}${generated}${key}${constraints}`
}

function printGenerated(generated: GeneratedColumn): string {
  if (generated.kind === 'stored') return `GENERATED ALWAYS AS (${printExpr(generated.expr)}) STORED`
  const start = generated.start === undefined ? '' : `START WITH ${generated.start} `
  const when = generated.always ? 'ALWAYS' : 'BY DEFAULT'
  return `GENERATED ${when} AS IDENTITY (${start}INCREMENT BY ${generated.increment})`
}

function printConstraint({ name, type, expr, columns }: Constraint): string {
  const named = name === undefined ? '' : `CONSTRAINT ${printIdent(name)} `
  const list = columns.length === 0 ? '' : ` ${printIdents(columns)}`
  const condition = expr === undefined ? '' : ` (${printExpr(expr)})`
  return `${named}${type.replace('_', ' ').toUpperCase()}${condition}${list}`
}

function printAction(action: AlterAction): string {
  switch (action.do) {
    case 'rename':
      return `RENAME TO ${printIdent(action.to)}`
    case 'rename_column':
      return `RENAME COLUMN ${printIdent(action.column)} TO ${printIdent(action.to)}`
    case 'add_column':
      return `ADD COLUMN ${action.ifNotExists ? 'IF NOT EXISTS ' : ''}${printColumn(action.column)}`
    case 'drop_column':
      return `DROP COLUMN ${action.ifExists ? 'IF EXISTS ' : ''}${printIdent(action.column)}${action.cascade ? ' CASCADE' : ''}`
    case 'set_type': {
      const using = action.using === undefined ? '' : ` USING ${printExpr(action.using)}`
      return `ALTER COLUMN ${printIdent(action.column)} TYPE ${printType(action.type)}${using}`
    }
    case 'set_default':
      return `ALTER COLUMN ${printIdent(action.column)} SET DEFAULT ${printExpr(action.value)}`
    case 'drop_default':
    case 'set_not_null':
    case 'drop_not_null':
      return `ALTER COLUMN ${printIdent(action.column)} ${action.do.replaceAll('_', ' ').toUpperCase()}`
    case 'add_constraint':
      return `ADD ${printConstraint(action.constraint)}`
    case 'drop_constraint':
      return `DROP CONSTRAINT ${action.ifExists ? 'IF EXISTS ' : ''}${printIdent(action.constraint)}`
    default:
      return action satisfies never
  }
}

function printReturning({ returning }: { readonly returning: readonly SelectItem[] }): string {
  return returning.length === 0 ? '' : ` RETURNING ${returning.map(printSelectItem).join(', ')}`
}

function printTables(word: string, refs: readonly TableRef[]): string {
  return refs.length === 0 ? '' : `${word} ${refs.map(printTableRef).join(', ')}`
}

function printElements(relation: {
  readonly columns: readonly ColumnDefinition[]
  readonly watermark?: Watermark
}): string {
  const elements = relation.columns.map(printColumn)
  const { watermark } = relation
  if (watermark !== undefined) {
    elements.push(`WATERMARK FOR ${printIdent(watermark.column)} AS ${printExpr(watermark.expr)}`)
  }
  return `(${elements.join(', ')})`
}

function printWith(options: readonly Option[]): string {
  return options.length === 0 ? '' : ` WITH ${printOptions(options)}`
}

function printOptions(options: readonly Option[]): string {
  return `(${options.map(({ key, value }) => `${printKey(key)} = ${quoteString(value)}`).join(', ')})`
}

function printKey(key: string): string {
  return /^[a-z_][a-z0-9_]*(\.[a-z_][a-z0-9_]*)*$/.test(key) ? key : quoteString(key)
}

function printFormat(format: Format | undefined): string {
  if (format === undefined) return ''
  const options = format.options.length === 0 ? '' : ` ${printOptions(format.options)}`
  const key = format.key.length === 0 ? '' : ` KEY ${printIdents(format.key)}`
  return ` FORMAT ${word(format.format)} ENCODE ${word(format.encode)}${options}${key}`
}

function word(name: string): string {
  return /^[a-z_]+$/.test(name) ? name.toUpperCase() : printIdent({ kind: 'ident', name, span: { start: 0, end: 0 } })
}

function printCopyOption({ name, value }: CopyOption): string {
  if (value === undefined) return quoteName(name)
  if (value === '*') return `${quoteName(name)} *`
  return `${quoteName(name)} ${typeof value === 'string' ? quoteString(value) : printIdents(value)}`
}

function printInsert(insert: Insert): string {
  const columns = insert.columns.length === 0 ? '' : ` ${printIdents(insert.columns)}`
  const source = insert.source === undefined ? 'DEFAULT VALUES' : printQuery(insert.source)
  const overriding = insert.overriding === undefined ? '' : ` OVERRIDING ${insert.overriding.toUpperCase()} VALUE`
  const alias = insert.alias === undefined ? '' : ` AS ${printIdent(insert.alias)}`
  return `INSERT INTO ${printName(insert.table)}${alias}${columns}${overriding} ${source}${printOnConflict(insert.onConflict)}${printReturning(insert)}`
}

function printOnConflict(clause: OnConflict | undefined): string {
  if (clause === undefined) return ''
  const target = clause.columns.length === 0 ? '' : ` ${printIdents(clause.columns)}`
  if (clause.action === 'do_nothing') return ` ON CONFLICT${target} DO NOTHING`
  return ` ON CONFLICT${target} DO UPDATE SET ${printAssignments(clause.assignments)}${where(clause)}`
}

function printAssignments(list: readonly Assignment[]): string {
  return list
    .flatMap(({ column, value, place }, i) => {
      if (place === undefined) return [`${printIdent(column)} = ${printExpr(value)}`]
      if (place.index > 0) return []
      return [`${printIdents(list.slice(i, i + place.of).map((a) => a.column))} = ${printExpr(value)}`]
    })
    .join(', ')
}

function where(clause: { readonly where?: Expr }): string {
  return clause.where === undefined ? '' : ` WHERE ${printExpr(clause.where)}`
}

function printMerge({ table, alias, source, condition, clauses }: Merge): string {
  const as = alias === undefined ? '' : ` AS ${printIdent(alias)}`
  const head = `MERGE INTO ${printName(table)}${as} USING ${printTableRef(source)} ON ${printExpr(condition)}`
  return [head, ...clauses.map(printMergeClause)].join(' ')
}

function printMergeClause({ when, where, action }: MergeClause): string {
  const and = where === undefined ? '' : ` AND ${printExpr(where)}`
  return `WHEN ${when.replaceAll('_', ' ').toUpperCase()}${and} THEN ${printMergeAction(action)}`
}

function printMergeAction(action: MergeClause['action']): string {
  switch (action.do) {
    case 'nothing':
      return 'DO NOTHING'
    case 'delete':
      return 'DELETE'
    case 'update':
      return `UPDATE SET ${printAssignments(action.assignments)}`
    case 'insert': {
      const columns = action.columns.length === 0 ? '' : ` ${printIdents(action.columns)}`
      const values =
        action.values.length === 0
          ? 'DEFAULT VALUES'
          : `VALUES (${action.values.map((value) => printExpr(value)).join(', ')})`
      return `INSERT${columns} ${values}`
    }
    default:
      return action satisfies never
  }
}
