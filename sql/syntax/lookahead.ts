/**
 * How the parser chooses: by one token, from tables made of each rule's first tokens. Chevrotain's own strategy looks for
 * paths of any length and takes ten times as long to prepare, all of it while the database opens.
 */
import {
  Alternation,
  type Alternative,
  type ILookaheadStrategy,
  type IProduction,
  NonTerminal,
  Option,
  Repetition,
  RepetitionMandatory,
  RepetitionMandatoryWithSeparator,
  RepetitionWithSeparator,
  type Rule,
  Terminal,
  type TokenType,
} from './chevrotain.js'

/** The tokens with which something can begin, categories written out, and whether it can be nothing at all. */
interface First {
  readonly tokens: ReadonlySet<number>
  readonly empty: boolean
}

type Choices = { readonly ALT: unknown; readonly GATE?: (() => boolean) | undefined }[]

interface Parsing {
  LA(ahead: number): { readonly tokenTypeIdx: number }
}

const OPTIONAL = {
  Option,
  Repetition,
  RepetitionMandatory,
  RepetitionMandatoryWithSeparator,
  RepetitionWithSeparator,
} as const

export class OneToken implements ILookaheadStrategy {
  readonly #firstOfRule = new Map<string, First>()
  readonly #productions = new Map<Rule, IProduction[]>()

  /** Two alternatives that begin alike need a gate, or a note that the first of them is meant. */
  validate(options: { rules: Rule[]; tokenTypes: TokenType[] }): { message: string }[] {
    const names = new Map(options.tokenTypes.map((type) => [type.tokenTypeIdx, type.name]))
    const errors: { message: string }[] = []
    for (const rule of options.rules) {
      for (const production of this.#productionsOf(rule)) {
        // The library keeps the flag, but its types leave it out.
        const { ignoreAmbiguities } = production as { ignoreAmbiguities?: boolean }
        if (!(production instanceof Alternation) || ignoreAmbiguities === true) continue
        const seen = new Set<number>()
        for (const alternative of production.definition) {
          const { tokens } = this.#first(alternative)
          const twice = [...tokens].filter((token) => seen.has(token)).map((token) => names.get(token))
          if (twice.length > 0)
            errors.push({ message: `two alternatives in ${rule.name} begin with ${twice.join(', ')}` })
          for (const token of tokens) seen.add(token)
        }
      }
    }
    return errors
  }

  buildLookaheadForAlternation(options: { prodOccurrence: number; rule: Rule; hasPredicates: boolean }) {
    const production = this.#find(options.rule, Alternation, options.prodOccurrence)
    const firsts = production.definition.map((alternative) => this.#first(alternative))
    const otherwise = firsts.findIndex((first) => first.empty)
    const byToken: number[][] = []
    firsts.forEach(({ tokens }, index) => {
      for (const token of tokens) {
        const choices = byToken[token] ?? []
        choices.push(index)
        byToken[token] = choices
      }
    })
    const fallback = otherwise === -1 ? undefined : otherwise
    if (!options.hasPredicates) {
      return function (this: Parsing): number | undefined {
        return byToken[this.LA(1).tokenTypeIdx]?.[0] ?? fallback
      } as unknown as ReturnType<ILookaheadStrategy['buildLookaheadForAlternation']>
    }
    return function (this: Parsing, choices?: Choices): number | undefined {
      for (const index of byToken[this.LA(1).tokenTypeIdx] ?? []) {
        const gate = choices?.[index]?.GATE
        if (gate === undefined || gate.call(this)) return index
      }
      return fallback
    } as unknown as ReturnType<ILookaheadStrategy['buildLookaheadForAlternation']>
  }

  buildLookaheadForOptional(options: { prodOccurrence: number; prodType: keyof typeof OPTIONAL; rule: Rule }) {
    const production = this.#find(options.rule, OPTIONAL[options.prodType], options.prodOccurrence)
    const begins: boolean[] = []
    for (const token of this.#sequence(production.definition).tokens) begins[token] = true
    return function (this: Parsing): boolean {
      return begins[this.LA(1).tokenTypeIdx] === true
    } as unknown as () => boolean
  }

  #find<T extends IProduction & { idx: number }>(
    rule: Rule,
    type: abstract new (...args: never[]) => T,
    idx: number,
  ): T {
    const found = this.#productionsOf(rule).find(
      (production) => production instanceof type && (production as T).idx === idx,
    )
    if (found === undefined) throw new Error(`rule ${rule.name} has no ${type.name} number ${idx}`)
    return found as T
  }

  #productionsOf(rule: Rule): IProduction[] {
    const known = this.#productions.get(rule)
    if (known !== undefined) return known
    const list: IProduction[] = []
    const collect = (production: IProduction) => {
      list.push(production)
      if (!(production instanceof NonTerminal) && 'definition' in production) {
        for (const child of production.definition as IProduction[]) collect(child)
      }
    }
    for (const production of rule.definition) collect(production)
    this.#productions.set(rule, list)
    return list
  }

  #first(production: IProduction): First {
    if (production instanceof Terminal) {
      const { tokenTypeIdx, categoryMatches } = production.terminalType
      return { tokens: new Set([tokenTypeIdx as number, ...(categoryMatches ?? [])]), empty: false }
    }
    if (production instanceof NonTerminal) return this.#firstOf(production.referencedRule)
    if (production instanceof Alternation) {
      const firsts = production.definition.map((alternative) => this.#first(alternative))
      return {
        tokens: new Set(firsts.flatMap((first) => [...first.tokens])),
        empty: firsts.some((first) => first.empty),
      }
    }
    const inner = this.#sequence((production as Alternative).definition)
    const optional =
      production instanceof Option || production instanceof Repetition || production instanceof RepetitionWithSeparator
    return optional ? { tokens: inner.tokens, empty: true } : inner
  }

  #firstOf(rule: Rule): First {
    const known = this.#firstOfRule.get(rule.name)
    if (known !== undefined) return known
    const first = this.#sequence(rule.definition)
    this.#firstOfRule.set(rule.name, first)
    return first
  }

  #sequence(productions: readonly IProduction[]): First {
    const tokens = new Set<number>()
    for (const production of productions) {
      const first = this.#first(production)
      for (const token of first.tokens) tokens.add(token)
      if (!first.empty) return { tokens, empty: false }
    }
    return { tokens, empty: true }
  }
}
