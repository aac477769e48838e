/** Names of objects: `name`, which is looked for in the schemas of the search path, or `schema.name`. */
import { PUBLIC, qualified } from '../catalog/catalog.js'
import type { Name } from '../syntax/tree.js'
import { fail } from './fail.js'

const NAME_BYTES_MAX = 63

/** As the catalog finds it. */
export function objectName(name: Name): string {
  const schema = schemaOf(name)
  return qualified(schema, name.parts.at(-1)!.name)
}

/** The schema that a name says; `main` is another name of `public`. */
export function schemaOf(name: Name): string | undefined {
  if (name.parts.length === 1) return undefined
  const [schema] = name.parts
  if (name.parts.length > 2) {
    const written = name.parts.map((part) => part.name).join('.')
    return fail('SyntaxError', `improper qualified name (too many dotted names): ${written}`, name.span)
  }
  return schema!.name === 'main' ? PUBLIC : schema!.name
}

/** A name that something is to be made with, without its schema. */
export function newName(name: Name): string {
  const made = name.parts.at(-1)!.name
  checkLength(made, name.span)
  return made
}

export function checkLength(name: string, at: Name['span']): void {
  let bytes = 0
  for (const character of name) {
    const point = character.codePointAt(0)!
    bytes += point < 0x80 ? 1 : point < 0x800 ? 2 : point < 0x10000 ? 3 : 4
  }
  if (bytes > NAME_BYTES_MAX)
    fail('InvalidParameterValue', `name "${name}" is too long: ${bytes} bytes`, at, {
      hint: `Names have at most ${NAME_BYTES_MAX} bytes.`,
    })
  if (bytes === 0) fail('SyntaxError', 'a name must not be empty', at)
}
