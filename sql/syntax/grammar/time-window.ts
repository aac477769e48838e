/** TUMBLE, HOP, CUMULATE and SESSION: a table function's arguments as the parts of a time window. */
import { Code } from '../../diag/codes.js'
import { SqlError } from '../../diag/error.js'
import type { DerivedTable, Expr, Name, TableName, TimeWindow } from '../tree.js'

export interface TableArguments {
  readonly args: readonly Expr[]
  /** Of the table among them. */
  readonly partitionBy: Expr | undefined
}

type WindowParts = Omit<TimeWindow, 'alias' | 'span'>

/** The arguments by position: source, time, [slide,] size [, offset]. */
const USAGE: Readonly<Record<TimeWindow['window'], string>> = {
  tumble: 'TUMBLE(table, time, size [, offset])',
  hop: 'HOP(table, time, slide, size [, offset])',
  cumulate: 'CUMULATE(table, time, step, size [, offset])',
  session: 'SESSION(table [PARTITION BY column], time, gap)',
}

export function windowNamed(name: string): TimeWindow['window'] | undefined {
  return Object.hasOwn(USAGE, name) ? (name as TimeWindow['window']) : undefined
}

export function timeWindow(
  window: TimeWindow['window'],
  name: Name,
  { args, partitionBy }: TableArguments,
): WindowParts {
  const hint = `Write ${USAGE[window]}.`
  const durations = args.slice(2)
  const slide = window === 'hop' || window === 'cumulate' ? durations.shift() : undefined
  const [size, offset] = durations
  const [first, second] = args
  const source = first && sourceOf(first)
  if (size === undefined || second === undefined || durations.length > (window === 'session' ? 1 : 2)) {
    const message = `${window} does not take ${args.length} arguments`
    throw new SqlError(Code.UndefinedFunction, message, { at: name.span, hint })
  }
  if (source === undefined) {
    const message = `the first argument of ${window} must be a table or a query in parentheses`
    throw new SqlError(Code.SyntaxError, message, { at: first?.span, hint })
  }
  if (partitionBy !== undefined && window !== 'session') {
    const message = `${window} does not take PARTITION BY`
    throw new SqlError(Code.SyntaxError, message, {
      at: partitionBy.span,
      hint: 'Its windows are the same for all rows.',
    })
  }
  const time =
    second.kind === 'call' && second.name.parts[0]?.name === 'descriptor' ? (second.args[0] ?? second) : second
  const partitions = partitionBy?.kind === 'row' ? partitionBy.items : partitionBy ? [partitionBy] : []
  const parts: WindowParts = { kind: 'time_window', window, source, partitionBy: partitions, time, size }
  return { ...parts, ...(slide && { slide }), ...(offset && { offset }) }
}

function sourceOf(expr: Expr): TableName | DerivedTable | undefined {
  if (expr.kind === 'subquery') return { kind: 'derived_table', query: expr.query, lateral: false, span: expr.span }
  if (expr.kind !== 'column') return undefined
  return { kind: 'table_name', name: { kind: 'name', parts: expr.parts, span: expr.span }, span: expr.span }
}
