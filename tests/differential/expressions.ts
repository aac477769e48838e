/** Random scalar expressions of a type, over the columns in scope. */
import type { Choices } from './choices.js'
import { type Column, constant, type Kind, nullOf } from './schema.js'

/** What an expression may refer to: columns by their qualified names, and those of the queries around. */
export interface Scope {
  readonly columns: readonly Column[]
  /** A scalar subquery of that type, or a condition; undefined when it is too deep for one. */
  readonly subquery?: ((kind: Kind) => string) | undefined
  readonly condition?: (() => string) | undefined
}

export const KINDS: readonly Kind[] = ['integer', 'text', 'boolean', 'numeric', 'date', 'bigint', 'double', 'timestamp']

export function expression(kind: Kind, scope: Scope, depth: number, choices: Choices): string {
  const simple = leaf(kind, scope, choices)
  if (depth <= 0) return simple()
  const deeper = (of: Kind = kind) => expression(of, scope, depth - 1, choices)
  const forms: (() => string)[] = [simple, simple, ...formsOf(kind, deeper, choices), ...anyForms(kind, deeper)]
  const { subquery } = scope
  if (subquery !== undefined) forms.push(() => subquery(kind))
  return choices.one(forms)()
}

function leaf(kind: Kind, scope: Scope, choices: Choices): () => string {
  const columns = scope.columns.filter((column) => column.kind === kind)
  return () => {
    const choice = choices.below(columns.length + 2)
    if (choice < columns.length) return columns[choice]!.name
    return choice === columns.length ? constant(kind, choices) : nullOf(kind)
  }
}

type Deeper = (of?: Kind) => string

function anyForms(kind: Kind, deeper: Deeper): (() => string)[] {
  return [
    () => `COALESCE(${deeper()}, ${deeper()})`,
    () => `NULLIF(${deeper()}, ${deeper()})`,
    () => `CASE WHEN ${deeper('boolean')} THEN ${deeper()} ELSE ${deeper()} END`,
    () => `CASE ${deeper('integer')} WHEN ${deeper('integer')} THEN ${deeper()} WHEN 1 THEN ${deeper()} END`,
    ...(kind === 'boolean'
      ? []
      : [() => `GREATEST(${deeper()}, ${deeper()})`, () => `LEAST(${deeper()}, ${deeper()})`]),
  ]
}

function formsOf(kind: Kind, deeper: Deeper, choices: Choices): (() => string)[] {
  switch (kind) {
    case 'integer':
      return [
        () => `(${deeper()} ${choices.one(['+', '-', '*'])} ${deeper()})`,
        () => `(${deeper()} ${choices.one(['/', '%'])} NULLIF(${deeper()}, 0))`,
        () => `(- ${deeper()})`,
        () => `ABS(${deeper()})`,
        () => `LENGTH(${deeper('text')})`,
        () => `POSITION('b' IN ${deeper('text')})`,
        () => `ASCII(${deeper('text')})`,
        () => `CAST(SIGN(${deeper()}) AS INTEGER)`,
        () => `CAST(${deeper('numeric')} AS INTEGER)`,
        () => `STRPOS(${deeper('text')}, 'a')`,
        () => `(${deeper('date')} - ${deeper('date')})`,
        () => `CAST(${deeper('boolean')} AS INTEGER)`,
        () =>
          `CAST(EXTRACT(${choices.one(['year', 'month', 'day', 'doy', 'dow', 'quarter', 'week'])} FROM ${deeper('date')}) AS INTEGER)`,
        () => `CAST(EXTRACT(${choices.one(['hour', 'minute', 'year'])} FROM ${deeper('timestamp')}) AS INTEGER)`,
      ]
    case 'bigint':
      return [
        () => `(${deeper()} ${choices.one(['+', '-'])} ${deeper('integer')})`,
        () => `(${deeper()} / NULLIF(${deeper('integer')}, 0))`,
        () => `CAST(${deeper('integer')} AS BIGINT)`,
        () => `(${deeper()} % NULLIF(${deeper()}, 0))`,
        () => `ABS(${deeper()})`,
      ]
    case 'numeric':
      return [
        () => `CAST((${deeper()} ${choices.one(['+', '-'])} ${deeper()}) AS NUMERIC(12,2))`,
        () => `CAST((${deeper()} * ${deeper('integer')}) AS NUMERIC(16,2))`,
        () => `(- ${deeper()})`,
        () => `ABS(${deeper()})`,
        () => `CAST(${deeper('integer')} AS NUMERIC(12,2))`,
        () => `ROUND(${deeper()}, 1)`,
        () => `FLOOR(${deeper()})`,
        () => `CEIL(${deeper()})`,
        () => `CAST((${deeper()} % NULLIF(${deeper()}, 0)) AS NUMERIC(12,2))`,
      ]
    case 'double':
      return [
        () => `(${deeper()} ${choices.one(['+', '-', '*'])} ${deeper()})`,
        () => `(${deeper()} / NULLIF(${deeper()}, 0))`,
        () => `CAST(${deeper('integer')} AS DOUBLE PRECISION)`,
        () => `CAST(${deeper('numeric')} AS DOUBLE PRECISION)`,
        () => `FLOOR(${deeper()})`,
        () => `SQRT(ABS(${deeper()}))`,
      ]
    case 'text':
      return [
        () => `(${deeper()} || ${deeper()})`,
        () => `UPPER(${deeper()})`,
        () => `LOWER(${deeper()})`,
        () => `SUBSTRING(${deeper()}, ${choices.between(1, 3)}, ${choices.between(0, 3)})`,
        () => `TRIM(${deeper()})`,
        () => `REPLACE(${deeper()}, 'a', ${deeper()})`,
        () => `CAST(${deeper('integer')} AS TEXT)`,
        () => `CAST(${deeper('date')} AS TEXT)`,
        () => `LEFT(${deeper()}, ${choices.between(0, 2)})`,
        () => `REVERSE(${deeper()})`,
        () => `RPAD(${deeper()}, ${choices.between(0, 4)}, 'ab')`,
        () => `RIGHT(${deeper()}, ${choices.between(-2, 2)})`,
        () => `SPLIT_PART(${deeper()}, '${choices.one(['b', 'a', '_'])}', ${choices.between(1, 2)})`,
        () => `CONCAT(${deeper()}, ${deeper('integer')}, ${deeper()})`,
        () => `REPEAT(${deeper()}, ${choices.between(0, 2)})`,
        () => `TRANSLATE(${deeper()}, 'ab', 'xy')`,
        () => `MD5(${deeper()})`,
        () => `CAST(${deeper('boolean')} AS TEXT)`,
        () => `CAST(${deeper('bigint')} AS TEXT)`,
        () => `LPAD(${deeper()}, ${choices.between(0, 4)}, 'x')`,
      ]
    case 'date':
      return [
        () => `(${deeper()} + ${choices.one(['1', '0', '-1', '30'])})`,
        () => `CAST(${deeper('timestamp')} AS DATE)`,
        () => `CAST((${deeper()} + INTERVAL '1 month') AS DATE)`,
        () => `CAST(DATE_TRUNC('${choices.one(['month', 'year', 'week', 'quarter'])}', ${deeper()}) AS DATE)`,
      ]
    case 'timestamp':
      return [
        () => `CAST(${deeper('date')} AS TIMESTAMP)`,
        () =>
          `(${deeper()} ${choices.one(['+', '-'])} INTERVAL '${choices.one(['1 hour', '1 day', '1 month', '90 minutes'])}')`,
        () => `DATE_TRUNC('${choices.one(['hour', 'day', 'month'])}', ${deeper()})`,
      ]
    case 'boolean':
      return conditions(deeper, choices)
    default:
      return kind satisfies never
  }
}

/** Types whose values are compared with each other; doubles by order only, as their last digits may differ. */
const COMPARED: readonly Kind[] = ['integer', 'text', 'numeric', 'date', 'bigint', 'timestamp', 'boolean']

function conditions(deeper: Deeper, choices: Choices): (() => string)[] {
  const compared = () => choices.one(COMPARED)
  return [
    () => {
      const kind = compared()
      return `(${deeper(kind)} ${choices.one(['=', '<', '>=', '<>', '>', '<='])} ${deeper(kind)})`
    },
    () =>
      `(${deeper(choices.one(['integer', 'numeric', 'text', 'date', 'bigint']))} IS ${choices.one(['', 'NOT '])}NULL)`,
    () => `(${deeper('boolean')} AND ${deeper('boolean')})`,
    () => `(${deeper('boolean')} OR ${deeper('boolean')})`,
    () => `(NOT ${deeper('boolean')})`,
    () => {
      const kind = compared()
      return `(${deeper(kind)} ${choices.one(['', 'NOT '])}IN (${deeper(kind)}, ${deeper(kind)}, ${deeper(kind)}))`
    },
    () => {
      const kind = compared()
      return `(${deeper(kind)} ${choices.one(['', 'NOT '])}BETWEEN ${deeper(kind)} AND ${deeper(kind)})`
    },
    () => {
      const kind = compared()
      return `(${deeper(kind)} IS ${choices.one(['', 'NOT '])}DISTINCT FROM ${deeper(kind)})`
    },
    () => `(${deeper('boolean')} IS ${choices.one(['TRUE', 'NOT TRUE', 'FALSE', 'NOT FALSE'])})`,
    () =>
      `(${deeper('text')} ${choices.one(['', 'NOT '])}${choices.one(['LIKE', 'ILIKE'])} '${choices.one(['a%', '%b', '_', '%', 'a_c', '%a%', ''])}')`,
    () => `STARTS_WITH(${deeper('text')}, 'a')`,
    () => `(${deeper('integer')} ${choices.one(['=', '<', '<>'])} ${deeper('numeric')})`,
    () => `(${deeper('bigint')} ${choices.one(['=', '>', '<='])} ${deeper('integer')})`,
    () => `(${deeper('date')} ${choices.one(['=', '<', '>='])} ${deeper('timestamp')})`,
  ]
}
