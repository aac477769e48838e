/**
 * The only import of Chevrotain. The package's entry point pulls in some 600 small lodash modules and takes a third of a
 * second to load; beside it lies the same library as one bundle, which takes a hundredth. So the bundle is loaded, found
 * from where the package itself resolves.
 */
import type * as Chevrotain from 'chevrotain'

const entry = (import.meta as ImportMeta & { resolve(specifier: string): string }).resolve('chevrotain')
const marker = '/lib/src/'
const at = entry.lastIndexOf(marker)
const bundle = at === -1 ? entry : `${entry.slice(0, at)}/lib/chevrotain.min.mjs`

const library = (await import(bundle)) as typeof Chevrotain

export const { EmbeddedActionsParser, EOF, Lexer, NoViableAltException, tokenMatcher } = library
/** The nodes of the recorded grammar. */
export const { Alternation, Alternative, NonTerminal, Option, Repetition, RepetitionMandatory } = library
export const { RepetitionMandatoryWithSeparator, RepetitionWithSeparator, Terminal } = library

export type {
  ILookaheadStrategy,
  IProduction,
  IRecognitionException,
  IToken,
  ParserMethod,
  Rule,
  TokenType,
} from 'chevrotain'
export type Alternative = Chevrotain.Alternative
