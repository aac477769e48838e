/** DROP: by kind, with what depends on it (CASCADE) or not at all (RESTRICT). */

import { fail } from '../../bind/fail.js'
import { objectName } from '../../bind/object-name.js'
import { kindName } from '../../catalog/catalog.js'
import type { Definition } from '../../contract/plan.generated.js'
import type { Drop, Name } from '../../syntax/tree.js'
import type { CompileContext, DdlCompiled } from '../context.js'

export function drop(statement: Drop, context: CompileContext): DdlCompiled {
  const notices: string[] = []
  const named: Definition[] = []
  for (const name of statement.names) {
    const found = target(name, statement, context, notices)
    if (found !== undefined && !named.includes(found)) named.push(found)
  }
  // A source's dead-letter stream goes with it.
  const own = named.flatMap((d) =>
    d.object.kind === 'source' ? (context.catalog.byId(d.object.kafka.dead_letters) ?? []) : [],
  )
  const parts = named.flatMap((d) => context.catalog.partsOf(d.id))
  const constraint = named.find((d) => d.object.kind === 'index' && d.object.constraint)
  if (constraint !== undefined) {
    const table = context.catalog.byId(constraint.depends_on[0]!)?.name ?? '?'
    fail(
      'DependentObjectsStillExist',
      `cannot drop index ${constraint.name} because constraint ${constraint.name} on table ${table} requires it`,
      statement.names[0]!.span,
      { hint: `You can drop constraint ${constraint.name} on table ${table} instead.` },
    )
  }
  const wanted = [...named, ...parts.filter((d) => !named.includes(d)), ...own.filter((d) => !named.includes(d))]
  const order = withDependents(wanted, context)
  const others = order.filter((d) => !wanted.includes(d))
  if (others.length > 0 && !statement.cascade) {
    const [first] = wanted.filter((d) => context.catalog.dependents(d.id).some((o) => others.includes(o)))
    const dropped = first ?? wanted[0]!
    fail(
      'DependentObjectsStillExist',
      `cannot drop ${label(dropped)} because other objects depend on it`,
      statement.names[0]!.span,
      {
        detail: dependencyLines(order, others, context).join('\n'),
        hint: 'Use DROP … CASCADE to drop the dependent objects too.',
      },
    )
  }
  for (const other of others) notices.push(`drop cascades to ${label(other)}`)
  return {
    kind: 'ddl',
    changes: order.map((d) => ({ change: 'drop', id: d.id })),
    tag: `DROP ${kindName(statement.object).toUpperCase()}`,
    notices,
  }
}

function target(name: Name, statement: Drop, context: CompileContext, notices: string[]): Definition | undefined {
  const wanted = objectName(name)
  const kind = kindName(statement.object)
  const found = context.catalog.find(wanted)
  if (found === undefined) {
    if (statement.ifExists) {
      notices.push(`${kind} "${wanted}" does not exist, skipping`)
      return undefined
    }
    const near = context.catalog.didYouMean(wanted, (d) => d.object.kind === statement.object)
    const code =
      statement.object === 'model' || statement.object === 'sink' || statement.object === 'index'
        ? 'UndefinedObject'
        : 'UndefinedTable'
    fail(code, `${kind} "${wanted}" does not exist`, name.span, {
      hint: near === undefined ? undefined : `Perhaps you meant "${near}".`,
    })
  }
  const actual = kindName(found.object.kind)
  if (found.object.kind !== statement.object) {
    fail('WrongObjectType', `"${wanted}" is not a ${kind}`, name.span, {
      hint: `Use DROP ${actual.toUpperCase()} to remove a ${actual}.`,
    })
  }
  return found
}

/** Dependents before what they depend on. */
function withDependents(wanted: readonly Definition[], context: CompileContext): Definition[] {
  const order: Definition[] = []
  const seen = new Set<number>()
  const visit = (definition: Definition) => {
    if (seen.has(definition.id)) return
    seen.add(definition.id)
    for (const other of context.catalog.dependents(definition.id)) visit(other)
    order.push(definition)
  }
  for (const definition of wanted) visit(definition)
  return order
}

function dependencyLines(
  order: readonly Definition[],
  others: readonly Definition[],
  context: CompileContext,
): string[] {
  return [...others].reverse().map((other) => {
    const on = other.depends_on.flatMap((id) => context.catalog.byId(id) ?? []).find((d) => order.includes(d))
    return `${label(other)} depends on ${on === undefined ? 'it' : label(on)}.`
  })
}

function label(definition: Definition): string {
  return `${kindName(definition.object.kind)} ${definition.name}`
}
