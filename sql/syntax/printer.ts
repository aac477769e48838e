/** Any statement as SQL text on one line. What it prints parses to the same tree, spans apart: a test holds it to that. */
import { printExpr } from './print-expression.js'
import { printIdent, printIdents, printName, printType, quoteString } from './print-name.js'
import { printQuery, printValue } from './print-query.js'
import type {
  Assignment,
  ColumnDefinition,
  Expr,
  Format,
  Insert,
  OnConflict,
  Option,
  Statement,
  Watermark,
} from './tree.js'

export { printExpr } from './print-expression.js'
export { printType, quoteName, quoteString } from './print-name.js'
export { printQuery } from './print-query.js'

export function printStatement(statement: Statement): string {
  switch (statement.kind) {
    case 'query':
      return printQuery(statement)
    case 'create_table': {
      const key = statement.primaryKey === undefined ? [] : [`PRIMARY KEY ${printIdents(statement.primaryKey)}`]
      return `${create(statement, 'TABLE')} (${[...statement.columns.map(printColumn), ...key].join(', ')})${printWith(statement.options)}`
    }
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
      return `UPDATE ${printName(statement.table)}${alias} SET ${printAssignments(statement.assignments)}${where(statement)}`
    }
    case 'delete': {
      const alias = statement.alias === undefined ? '' : ` AS ${printIdent(statement.alias)}`
      return `DELETE FROM ${printName(statement.table)}${alias}${where(statement)}`
    }
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
      return `TRUNCATE TABLE ${statement.names.map(printName).join(', ')}`
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
  return `${printIdent(column.name)} ${printType(column.type)}${notNull}${value}${key}`
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

function printInsert(insert: Insert): string {
  const columns = insert.columns.length === 0 ? '' : ` ${printIdents(insert.columns)}`
  const source = insert.source === undefined ? 'DEFAULT VALUES' : printQuery(insert.source)
  return `INSERT INTO ${printName(insert.table)}${columns} ${source}${printOnConflict(insert.onConflict)}`
}

function printOnConflict(clause: OnConflict | undefined): string {
  if (clause === undefined) return ''
  const target = clause.columns.length === 0 ? '' : ` ${printIdents(clause.columns)}`
  if (clause.action === 'do_nothing') return ` ON CONFLICT${target} DO NOTHING`
  return ` ON CONFLICT${target} DO UPDATE SET ${printAssignments(clause.assignments)}${where(clause)}`
}

function printAssignments(list: readonly Assignment[]): string {
  return list.map(({ column, value }) => `${printIdent(column)} = ${printExpr(value)}`).join(', ')
}

function where(clause: { readonly where?: Expr }): string {
  return clause.where === undefined ? '' : ` WHERE ${printExpr(clause.where)}`
}
