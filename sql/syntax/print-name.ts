/** Names, strings and types as SQL text that reads back as the same ones. */
import { keywords } from './tokens.js'
import type { Ident, Name, TypeName } from './tree.js'

const PLAIN = /^[a-z_][a-z0-9_$]*$/
/** Words that are special only before a "(" and the like. As names they are quoted, wherever they stand. */
const SPECIAL = new Set(['extract', 'substring', 'position', 'trim', 'row', 'try_cast', 'filter', 'array', 'at'])

export function printIdent(ident: Ident): string {
  return quoteName(ident.name)
}

/** In quotes only if it would not read back without. */
export function quoteName(name: string): string {
  if (PLAIN.test(name) && !keywords.has(name) && !SPECIAL.has(name)) return name
  return `"${name.replaceAll('"', '""')}"`
}

export function printName(name: Name | { readonly parts: readonly Ident[] }): string {
  return name.parts.map(printIdent).join('.')
}

export function printIdents(list: readonly Ident[]): string {
  return `(${list.map(printIdent).join(', ')})`
}

export function quoteString(value: string): string {
  return `'${value.replaceAll("'", "''")}'`
}

/** Types whose names are keywords or have several words. */
const TYPE_WORDS = new Set(['double precision', 'timestamp', 'timestamptz', 'time'])

export function printType(type: TypeName): string {
  const name = TYPE_WORDS.has(type.name) ? type.name : quoteName(type.name)
  const array = '[]'.repeat(type.dimensions)
  if (type.fields !== undefined) {
    const fields = type.fields.map((field) => `${printIdent(field.name)} ${printType(field.type)}`)
    return `ROW(${fields.join(', ')})${array}`
  }
  if (type.entries !== undefined) return `MAP(${type.entries.map(printType).join(', ')})${array}`
  const args = type.arguments.length > 0 ? `(${type.arguments.join(', ')})` : ''
  return `${name}${args}${array}`
}

/** Before a literal a type is one word. */
export function printTypeHead(type: TypeName): string {
  return type.name === 'double precision' ? 'float8' : type.name
}
