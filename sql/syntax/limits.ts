/** What one statement may cost: beyond these it is refused (54001) before the parser's stack or the memory is in danger. */

/** Characters of one statement. */
export const STATEMENT_LENGTH_MAX = 4 << 20
/** Parentheses, brackets and CASEs inside each other: each takes some forty frames of the parser's stack, a subquery twice. */
export const NESTING_MAX = 100
/** Depth of the tree, long chains of operators included: what walks it recursively must not run out of stack. */
export const TREE_DEPTH_MAX = 1000
/** Errors of one script that are reported. */
export const ERRORS_MAX = 20
