/** PREPARE and EXECUTE: the session keeps the plan under its name, and has the values put into it. */
import { bindExpr } from '../bind/expr.js'
import { fail } from '../bind/fail.js'
import { EMPTY_SCOPE } from '../bind/scope.js'
import { bindType } from '../bind/type-name.js'
import { rewrite } from '../logical/expr.js'
import { foldExpr } from '../logical/fold.js'
import type * as tree from '../syntax/tree.js'
import { type CompileContext, type Compiled, environmentOf, textOf } from './context.js'
import { rowStage } from './row-expressions.js'

const PREPARABLE: ReadonlySet<tree.Statement['kind']> = new Set(['query', 'insert', 'update', 'delete'])

export function compilePrepare(statement: tree.Prepare, context: CompileContext): Compiled {
  if (!PREPARABLE.has(statement.statement.kind))
    fail('SyntaxError', 'only a query, INSERT, UPDATE or DELETE can be prepared', statement.statement.span)
  return {
    kind: 'prepare',
    name: statement.name.name,
    text: textOf(context, statement.statement.span),
    types: statement.types.map(bindType),
  }
}

export function compileExecute(statement: tree.Execute, context: CompileContext): Compiled {
  const stage = rowStage(environmentOf(context), EMPTY_SCOPE, 'EXECUTE')
  return {
    kind: 'execute',
    name: statement.name.name,
    values: statement.args.map((arg) => rewrite(bindExpr(arg, stage).expr, foldExpr)),
  }
}
