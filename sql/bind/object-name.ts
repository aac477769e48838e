/** Names of objects: there is one schema, which may be written as `main` or `public`. */
import type { Name } from '../syntax/tree.js'
import { fail } from './fail.js'

const NAME_BYTES_MAX = 63

export function objectName(name: Name): string {
  const [first, ...rest] = name.parts
  if (rest.length === 0) return first!.name
  if (rest.length === 1 && (first!.name === 'main' || first!.name === 'public')) return rest[0]!.name
  return fail('UndefinedObject', `schema "${first!.name}" does not exist`, name.span, {
    hint: 'There is one schema, "main".',
  })
}

/** A name that something is to be made with. */
export function newName(name: Name): string {
  const made = objectName(name)
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
