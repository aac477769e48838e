/** Expressions as SQL text, with parentheses only where precedence needs them. */
import { binding } from './fold.js'
import { printIdent, printName, printType, printTypeHead, quoteName, quoteString } from './print-name.js'
import { printQuery } from './print-query.js'
import { keywords, Label } from './tokens.js'
import type { Call, Expr, Frame, FrameBound, SortItem, WindowSpec } from './tree.js'

/** How tightly a kind holds together. Those of arithmetic lie between `VALUE` and `ZONE`, by their operator. */
const LEVEL = { or: 1, and: 2, not: 3, is: 4, comparison: 5, membership: 6, value: 7, zone: 11, sign: 12, primary: 14 }

function levelOf(expr: Expr): number {
  switch (expr.kind) {
    case 'binary': {
      const tightness = binding(expr.operator)
      if (tightness <= 2) return tightness
      return tightness === 3 ? LEVEL.comparison : LEVEL.value + tightness - 4
    }
    case 'unary':
      return expr.operator === 'not' ? LEVEL.not : LEVEL.sign
    case 'is_test':
    case 'is_distinct':
      return LEVEL.is
    case 'quantified':
    case 'quantified_array':
      return LEVEL.comparison
    case 'between':
    case 'in_list':
    case 'in_query':
    case 'like':
      return LEVEL.membership
    case 'at_time_zone':
      return LEVEL.zone
    default:
      return LEVEL.primary
  }
}

/** In parentheses if it holds together less tightly than its place needs. */
function at(level: number, expr: Expr): string {
  const text = printExpr(expr)
  return levelOf(expr) < level ? `(${text})` : text
}

const operand = (expr: Expr) => at(LEVEL.value, expr)

export function printExprs(list: readonly Expr[]): string {
  return list.map(printExpr).join(', ')
}

export function printExpr(expr: Expr): string {
  switch (expr.kind) {
    case 'number':
      return expr.text
    case 'string':
      return quoteString(expr.value)
    case 'boolean':
      return expr.value ? 'TRUE' : 'FALSE'
    case 'null':
      return 'NULL'
    case 'default':
      return 'DEFAULT'
    case 'parameter':
      return `$${expr.index}`
    case 'typed_literal':
      return `${printTypeHead(expr.type)} ${quoteString(expr.value)}${expr.unit === undefined ? '' : ` ${expr.unit}`}`
    case 'column':
      return printName(expr)
    case 'unary':
      if (expr.operator === 'not') return `NOT ${at(LEVEL.not, expr.operand)}`
      // A space between two signs: "--" would begin a comment.
      return `${expr.operator}${expr.operand.kind === 'unary' ? ' ' : ''}${at(LEVEL.sign, expr.operand)}`
    case 'binary': {
      const level = levelOf(expr)
      const operator = expr.operator.toUpperCase()
      const left = level === LEVEL.comparison ? LEVEL.membership : level
      return `${at(left, expr.left)} ${operator} ${at(level + 1, expr.right)}`
    }
    case 'is_test':
      return `${at(LEVEL.is, expr.operand)} IS ${not(expr)}${expr.test.toUpperCase()}`
    case 'is_distinct':
      return `${at(LEVEL.is, expr.left)} IS ${not(expr)}DISTINCT FROM ${at(LEVEL.membership, expr.right)}`
    case 'between': {
      const symmetric = expr.symmetric ? 'SYMMETRIC ' : ''
      return `${operand(expr.operand)} ${not(expr)}BETWEEN ${symmetric}${operand(expr.low)} AND ${operand(expr.high)}`
    }
    case 'in_list':
      return `${operand(expr.operand)} ${not(expr)}IN (${printExprs(expr.items)})`
    case 'in_query':
      return `${operand(expr.operand)} ${not(expr)}IN (${printQuery(expr.query)})`
    case 'quantified':
      return `${at(LEVEL.membership, expr.operand)} ${expr.operator} ${expr.quantifier.toUpperCase()} (${printQuery(expr.query)})`
    case 'like': {
      const escaping = expr.escape === undefined ? '' : ` ESCAPE ${operand(expr.escape)}`
      return `${operand(expr.operand)} ${not(expr)}${expr.caseInsensitive ? 'ILIKE' : 'LIKE'} ${operand(expr.pattern)}${escaping}`
    }
    case 'exists':
      return `EXISTS (${printQuery(expr.query)})`
    case 'subquery':
      return `(${printQuery(expr.query)})`
    case 'case': {
      const first = expr.operand === undefined ? '' : ` ${printExpr(expr.operand)}`
      const branches = expr.branches
        .map(({ when, then }) => ` WHEN ${printExpr(when)} THEN ${printExpr(then)}`)
        .join('')
      const otherwise = expr.otherwise === undefined ? '' : ` ELSE ${printExpr(expr.otherwise)}`
      return `CASE${first}${branches}${otherwise} END`
    }
    case 'cast':
      return `${expr.try ? 'TRY_CAST' : 'CAST'}(${printExpr(expr.operand)} AS ${printType(expr.type)})`
    case 'collate':
      return `${within(expr.operand)} COLLATE ${printName(expr.collation)}`
    case 'call':
      return printCall(expr)
    case 'extract': {
      const field = /^[a-z_]+$/.test(expr.field) ? quoteName(expr.field) : quoteString(expr.field)
      return `EXTRACT(${field} FROM ${printExpr(expr.operand)})`
    }
    case 'at_time_zone':
      return `${at(LEVEL.zone, expr.operand)} AT TIME ZONE ${at(LEVEL.primary, expr.zone)}`
    case 'row':
      return `ROW(${printExprs(expr.items)})`
    case 'array':
      return `ARRAY[${printExprs(expr.items)}]`
    case 'array_query':
      return `ARRAY(${printQuery(expr.query)})`
    case 'subscript':
      return `${within(expr.operand)}[${printExpr(expr.index)}]`
    case 'slice': {
      const [lower, upper] = [expr.lower, expr.upper].map((bound) => (bound === undefined ? '' : printExpr(bound)))
      return `${within(expr.operand)}[${lower} : ${upper}]`
    }
    case 'field':
      return `(${printExpr(expr.operand)}).${printIdent(expr.name)}`
    case 'quantified_array':
      return `${at(LEVEL.membership, expr.operand)} ${expr.operator} ${expr.quantifier.toUpperCase()} (${printExpr(expr.array)})`
    default:
      return expr satisfies never
  }
}

/** What has a subscript: names and calls stand as they are. */
function within(expr: Expr): string {
  const plain = expr.kind === 'column' || expr.kind === 'subscript' || expr.kind === 'slice'
  return plain ? printExpr(expr) : `(${printExpr(expr)})`
}

function not(expr: { readonly negated: boolean }): string {
  return expr.negated ? 'NOT ' : ''
}

const WITHOUT_PARENTHESES = new Set([
  'current_timestamp',
  'current_date',
  'current_time',
  'localtimestamp',
  'localtime',
])

function printCall(call: Call): string {
  const [only] = call.name.parts
  const name = call.name.parts.length === 1 ? only!.name : ''
  if (WITHOUT_PARENTHESES.has(name) && call.args.length === 0) return name.toUpperCase()
  const distinct = call.distinct ? 'DISTINCT ' : ''
  const args = call.star ? '*' : `${distinct}${printExprs(call.args)}${printOrderBy(call.orderBy)}`
  const within = call.withinGroup === undefined ? '' : ` WITHIN GROUP (${printOrderBy(call.withinGroup).trimStart()})`
  const filter = call.filter === undefined ? '' : ` FILTER (WHERE ${printExpr(call.filter)})`
  const nulls = call.nulls === undefined ? '' : ` ${call.nulls.toUpperCase()} NULLS`
  const over =
    call.over === undefined
      ? ''
      : ` OVER ${call.over.kind === 'window_name' ? printIdent(call.over.name) : printWindow(call.over)}`
  return `${isFunctionWord(name) ? name : printName(call.name)}(${args})${within}${filter}${nulls}${over}`
}

/** Keywords that need no quotes before a "(". */
function isFunctionWord(name: string): boolean {
  if (name === 'left' || name === 'right') return true
  const type = keywords.get(name)
  return type !== undefined && type.CATEGORIES?.[0] !== Label
}

/** With a space before it, or nothing. */
export function printOrderBy(list: readonly SortItem[]): string {
  if (list.length === 0) return ''
  return ` ORDER BY ${list.map(printSortItem).join(', ')}`
}

export function printSortItem({ expr, descending, nulls }: SortItem): string {
  return `${printExpr(expr)}${descending ? ' DESC' : ''}${nulls === undefined ? '' : ` NULLS ${nulls.toUpperCase()}`}`
}

export function printWindow(spec: WindowSpec): string {
  const parts: string[] = []
  if (spec.base !== undefined) parts.push(printIdent(spec.base))
  if (spec.partitionBy.length > 0) parts.push(`PARTITION BY ${printExprs(spec.partitionBy)}`)
  if (spec.orderBy.length > 0) parts.push(printOrderBy(spec.orderBy).trimStart())
  if (spec.frame !== undefined) parts.push(printFrame(spec.frame))
  return `(${parts.join(' ')})`
}

function printFrame(frame: Frame): string {
  const exclude = frame.exclude === undefined ? '' : ` EXCLUDE ${frame.exclude.replace('_', ' ').toUpperCase()}`
  return `${frame.unit.toUpperCase()} BETWEEN ${printBound(frame.start)} AND ${printBound(frame.end)}${exclude}`
}

function printBound(bound: FrameBound): string {
  const words = bound.kind.replace('_', ' ').toUpperCase()
  return 'offset' in bound ? `${operand(bound.offset)} ${words}` : words
}
