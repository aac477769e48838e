/** TUMBLE and HOP are operators; CUMULATE and SESSION are written as queries over them and over window functions. */
import type { Rel } from '../contract/plan.generated.js'
import { column } from '../logical/expr.js'
import { quoteName } from '../syntax/print-name.js'
import type * as tree from '../syntax/tree.js'
import { INTERVAL, TIMESTAMP, typeName } from '../types/data-type.js'
import { bound, coerce } from './coerce.js'
import { constantMicroseconds } from './constants.js'
import { type Environment, relTypes } from './environment.js'
import { bindExpr } from './expr.js'
import { fail } from './fail.js'
import { type BoundFrom, bindTableRef } from './from.js'
import { EMPTY_SCOPE, type ScopeColumn } from './scope.js'
import type { Stage } from './stage.js'
import { tableOver } from './template.js'

/** Most windows that a row may be in. */
const WINDOWS_MAX = 10_000n

/** The source's columns, then window_start and window_end. */
export function bindTimeWindow(ref: tree.TimeWindow, env: Environment): BoundFrom {
  const source = bindTableRef(ref.source, env)
  const stage: Stage = {
    env,
    scope: source.scope,
    clause: ref.window.toUpperCase(),
    harvest: undefined,
    aggregates: false,
    windows: false,
    subqueries: undefined,
  }
  const value = bindExpr(ref.time, stage)
  const isDate = value.type.type === 'date'
  if (value.unknown || (!isDate && value.type.type !== 'timestamp' && value.type.type !== 'timestamptz')) {
    fail(
      'DatatypeMismatch',
      `the time of ${ref.window.toUpperCase()} must be a timestamp, not ${typeName(value.type)}`,
      ref.time.span,
    )
  }
  const time = isDate ? bound(coerce(value, TIMESTAMP), TIMESTAMP, value.span) : value
  const length = (expr: tree.Expr, what: string, options = {}) =>
    constantMicroseconds(coerce(bindExpr(expr, { ...stage, scope: EMPTY_SCOPE }), INTERVAL), what, expr.span, options)
  const size = length(ref.size, ref.window === 'session' ? 'the gap' : 'the window size')
  if (ref.window === 'session') return bindTableRef(sessions(ref, isDate, tableOf(ref, source)), env)
  const slide = ref.slide === undefined ? size : length(ref.slide, ref.window === 'hop' ? 'the slide' : 'the step')
  const offset = ref.offset === undefined ? 0n : length(ref.offset, 'the offset', { zero: true, negative: true })
  if (size / slide > WINDOWS_MAX)
    fail('InvalidParameterValue', `a row would be in more than ${WINDOWS_MAX} windows`, ref.span)
  if (ref.window === 'cumulate') {
    if (size % slide !== 0n)
      fail('InvalidParameterValue', 'the window size must be a multiple of the step', ref.size.span)
    return bindTableRef(cumulated(ref, isDate, size / slide, tableOf(ref, source)), env)
  }
  const rel: Rel = {
    op: 'time_window',
    input: source.rel,
    time: time.expr,
    size_us: size,
    slide_us: slide,
    offset_us: offset,
  }
  const width = relTypes(source.rel, env).length
  const table = tableOf(ref, source)
  const added = ['window_start', 'window_end'].map(
    (name, i): ScopeColumn => ({ name, table, expr: column(width + i), type: time.type, qualifiedOnly: false }),
  )
  const columns = [...source.scope.columns.map(({ origin: _, ...c }) => ({ ...c, table })), ...added]
  const given = ref.alias?.columns ?? []
  return { rel, scope: { tables: [table], columns: columns.map((c, i) => ({ ...c, name: given[i]?.name ?? c.name })) } }
}

function tableOf(ref: tree.TimeWindow, source: BoundFrom): string {
  return ref.alias?.name.name ?? source.scope.tables[0] ?? ref.window
}

/** Windows that begin together and end a step later each: those of a tumbling window that end after the row. */
function cumulated(ref: tree.TimeWindow, isDate: boolean, steps: bigint, table: string): tree.TableRef {
  const name = quoteName(table)
  const time = isDate ? 'CAST($1 AS timestamp)' : '$1'
  const end = 'window_start + $3 * "$i"."$n"'
  const offset = ref.offset === undefined ? '' : ', $4'
  const form = `(SELECT ${name}.* EXCLUDE (window_end), ${end} AS window_end
    FROM tumble("$source", $1, $2${offset}) AS ${name} JOIN generate_series(1, ${steps}) AS "$i" ("$n") ON ${time} < ${end}) AS ${name}`
  const args = [ref.time, ref.size, ref.slide!, ...(ref.offset === undefined ? [] : [ref.offset])]
  return renamed(tableOver(form, ref.source, args, ref.span), ref.alias)
}

/** A row begins a session when the row before it is further away than the gap; the number of beginnings so far tells which
 *  session a row is in. Rows without a time are in none, as with the other windows. */
function sessions(ref: tree.TimeWindow, isDate: boolean, table: string): tree.TableRef {
  const name = quoteName(table)
  const keys = ref.partitionBy.map((_, at) => `$${at + 3}`)
  const by = keys.length === 0 ? '' : `PARTITION BY ${keys.join(', ')} `
  const own = `PARTITION BY ${[...keys, '"$session"'].join(', ')}`
  const time = isDate ? 'CAST($1 AS timestamp)' : '$1'
  const timed = `SELECT ${name}.*, ${time} AS "$time" FROM "$source" AS ${name} WHERE ${time} IS NOT NULL`
  const beside = `SELECT ${name}.*, lag("$time") OVER (${by}ORDER BY "$time") AS "$before" FROM (${timed}) AS ${name}`
  const numbered = `SELECT ${name}.*, sum(CASE WHEN "$time" <= "$before" + $2 THEN 0 ELSE 1 END) OVER (${by}ORDER BY "$time") AS "$session"
    FROM (${beside}) AS ${name}`
  const form = `(SELECT ${name}.* EXCLUDE ("$time", "$before", "$session"),
    min("$time") OVER (${own}) AS window_start, max("$time") OVER (${own}) + $2 AS window_end FROM (${numbered}) AS ${name}) AS ${name}`
  return renamed(tableOver(form, ref.source, [ref.time, ref.size, ...ref.partitionBy], ref.span), ref.alias)
}

/** Names of columns are given to the whole. */
function renamed(table: tree.TableRef, alias: tree.TableAlias | undefined): tree.TableRef {
  return alias === undefined || alias.columns.length === 0 || table.kind === 'join' ? table : { ...table, alias }
}
