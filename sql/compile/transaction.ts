/** BEGIN, COMMIT, ROLLBACK and savepoints. There is one isolation level, snapshot: PostgreSQL's REPEATABLE READ. */

import { unsupported } from '../bind/fail.js'
import type { Transaction } from '../syntax/tree.js'
import { type CompileContext, type TransactionCompiled, textOf } from './context.js'

export function compileTransaction(statement: Transaction, context: CompileContext): TransactionCompiled {
  const { action, name, isolation, access, span } = statement
  if (isolation === 'serializable') {
    unsupported(
      'isolation level SERIALIZABLE is not supported',
      span,
      'REPEATABLE READ is: each transaction reads one snapshot, and of two that write the same row the first to commit wins.',
    )
  }
  const weaker = isolation === 'read committed' || isolation === 'read uncommitted'
  const notices = weaker
    ? [`the transaction is at isolation level REPEATABLE READ, which is stronger than ${isolation.toUpperCase()}`]
    : []
  const started = action === 'begin' && /^start/i.test(textOf(context, span))
  return {
    kind: 'transaction',
    action,
    readOnly: access === 'read only',
    tag: started ? 'START TRANSACTION' : action === 'rollback to' ? 'ROLLBACK' : action.toUpperCase(),
    ...(name && { name: name.name }),
    notices,
  }
}
