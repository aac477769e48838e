/** The one parser of the process: the grammar put together, and a run of it over one statement's tokens. */
import type { IRecognitionException } from './chevrotain.js'
import { UtilityGrammar } from './grammar/utility.js'
import type { Lexed } from './lex.js'
import type { Statement } from './tree.js'

/** `validate` has the grammar check itself, which takes far longer than building it: a test does it. */
export class SqlParser extends UtilityGrammar {
  constructor(validate: boolean) {
    super(validate)
    this.performSelfAnalysis()
  }
}

const parser = new SqlParser(false)
const v8 = Error as { stackTraceLimit?: number | undefined }

export type Outcome = { readonly tree: Statement } | { readonly failure: IRecognitionException }

export function run(lexed: Lexed): Outcome {
  const { stackTraceLimit } = v8
  // The library's errors never leave this folder, and a failed parse is tried again many times to explain it: the
  // stacks would cost nine tenths of that.
  v8.stackTraceLimit = 0
  try {
    parser.load(lexed)
    const tree = parser.statement()
    const failure = parser.errors[0]
    return failure === undefined ? { tree } : { failure }
  } finally {
    v8.stackTraceLimit = stackTraceLimit
  }
}
