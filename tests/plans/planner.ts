/** A catalog made by running DDL through the planner itself, as a session does, without an engine. */
import { readFileSync } from 'node:fs'
import type { Literal } from '../../sql/contract/plan.generated.js'
import { type Catalog, type Compiled, compile, createCatalog, parseScript } from '../../sql/index.js'

/** `features` is what the engine would have found in each model's file. */
export function catalogFrom(script: string, start: Catalog = createCatalog([]), features = 3): Catalog {
  let catalog = start
  let id = Math.max(0, ...catalog.all().map((d) => d.id))
  for (const statement of parseScript(script).statements) {
    const compiled = compile(statement.tree, { catalog, nextId: () => ++id, searchText: script })
    if (compiled.kind !== 'ddl') throw new Error(`not DDL: ${statement.text}`)
    for (const change of compiled.changes) {
      if (change.change === 'create' && change.definition.object.kind === 'model')
        change.definition.object.inputs = features
    }
    catalog = catalog.with(compiled.changes)
  }
  return catalog
}

export const SCHEMA = catalogFrom(readFileSync(new URL('./schema.sql', import.meta.url), 'utf8'))

export function compileText(text: string, catalog: Catalog = SCHEMA, parameters: readonly Literal[] = []): Compiled {
  const { statements } = parseScript(text)
  if (statements.length !== 1) throw new Error(`one statement expected: ${text}`)
  let id = Math.max(0, ...catalog.all().map((d) => d.id))
  return compile(statements[0]!.tree, { catalog, nextId: () => ++id, parameters, searchText: text })
}

export function explainText(text: string, catalog: Catalog = SCHEMA): string[] {
  const compiled = compileText(`explain ${text}`, catalog)
  if (compiled.kind !== 'rows') throw new Error(`no rows: ${text}`)
  return compiled.rows.map((row) => row[0] ?? '')
}
