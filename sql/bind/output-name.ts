/** The name of a result column without alias, as PostgreSQL chooses it. */
import type { Expr, TypeName } from '../syntax/tree.js'

export function outputName(expr: Expr): string {
  return nameFrom(expr)?.name ?? '?column?'
}

interface Found {
  readonly name: string
  /** A type's name, or `case`: a name of what is inside comes first. */
  readonly weak: boolean
}

const strong = (name: string): Found => ({ name, weak: false })
const weak = (name: string): Found => ({ name, weak: true })

function nameFrom(expr: Expr): Found | undefined {
  switch (expr.kind) {
    case 'column':
      return strong(expr.parts.at(-1)!.name)
    case 'call':
      return strong(expr.name.parts.at(-1)!.name)
    case 'cast':
      return inner(expr.operand) ?? weak(typeWord(expr.type))
    case 'case':
      return (expr.otherwise && inner(expr.otherwise)) ?? weak('case')
    case 'subscript':
    case 'slice':
      return nameFrom(expr.operand)
    case 'field':
      return strong(expr.name.name)
    case 'array_query':
      return strong('array')
    case 'array':
    case 'row':
    case 'extract':
    case 'exists':
      return strong(expr.kind)
    case 'at_time_zone':
      return strong('timezone')
    case 'typed_literal':
      return weak(typeWord(expr.type))
    case 'subquery': {
      const { body } = expr.query
      const first = body.kind === 'select' ? body.items[0] : undefined
      if (first?.kind !== 'select_expr') return undefined
      return first.alias === undefined ? nameFrom(first.expr) : strong(first.alias.name)
    }
    default:
      return undefined
  }
}

function inner(expr: Expr): Found | undefined {
  const found = nameFrom(expr)
  return found?.weak === false ? found : undefined
}

/** PostgreSQL's own names of the types that SQL spells otherwise. */
const INTERNAL = new Map([
  ['boolean', 'bool'],
  ['smallint', 'int2'],
  ['integer', 'int4'],
  ['bigint', 'int8'],
  ['real', 'float4'],
  ['double precision', 'float8'],
  ['char', 'bpchar'],
])

function typeWord({ name }: TypeName): string {
  return INTERNAL.get(name) ?? name
}
