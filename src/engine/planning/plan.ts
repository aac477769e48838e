/** A parsed statement, planned against a catalog: what both threads do. */
import {
  type Catalog,
  type Compiled,
  compile,
  type Literal,
  ParameterTypes,
  type Statement,
} from '../../../sql/index.js'
import { type Form, shaped } from './form.js'

export interface PlanningContext {
  readonly catalog: Catalog
  readonly nextId: number
  readonly parameters?: readonly Literal[] | undefined
  readonly settings?: ReadonlyMap<string, string> | undefined
}

export function plan(statement: Statement, form: Form, text: string, context: PlanningContext): Compiled {
  const { catalog, nextId, settings } = context
  const parameters = form.as === 'prepare' ? new ParameterTypes(form.declared) : (context.parameters ?? [])
  return compile(shaped(statement, form), { catalog, nextId: () => nextId, parameters, searchText: text, settings })
}
