/** WITH (key = value): known keys only, each once, so that a misspelled option is an error and not a default. */

import { fail } from '../../bind/fail.js'
import { suggest } from '../../diag/suggest.js'
import type { Option } from '../../syntax/tree.js'

export class Options {
  readonly #given = new Map<string, Option>()

  /** `prefix` is that of keys which are passed on as they are, such as `properties.`. */
  constructor(options: readonly Option[], known: readonly string[], what: string, prefix?: string) {
    for (const option of options) {
      const { key } = option
      if (this.#given.has(key)) fail('SyntaxError', `option "${key}" is given more than once`, option.span)
      if (!known.includes(key) && !(prefix !== undefined && key.startsWith(prefix))) {
        const near = suggest(key, known)
        const hint =
          near !== undefined
            ? `Perhaps you meant "${near}".`
            : known.length === 0
              ? `A ${what} has no options.`
              : `The options are ${known.join(', ')}.`
        fail('InvalidParameterValue', `unknown option "${key}" of a ${what}`, option.span, { hint })
      }
      this.#given.set(key, option)
    }
  }

  get(key: string): Option | undefined {
    return this.#given.get(key)
  }

  /** The options whose key begins with `prefix`, without it. */
  under(prefix: string, except: readonly string[]): Record<string, string> {
    const found: Record<string, string> = {}
    for (const [key, option] of this.#given) {
      if (key.startsWith(prefix) && !except.includes(key)) found[key.slice(prefix.length)] = option.value
    }
    return found
  }
}
