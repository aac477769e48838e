/** What `compile` is given and what it gives. */

import { type Environment, newEnvironment } from '../bind/environment.js'
import type { Catalog } from '../catalog/catalog.js'
import type { CatalogChange, Command, Field, Literal } from '../contract/plan.generated.js'
import type { Span } from '../syntax/tree.js'
import { TEXT } from '../types/data-type.js'

export interface CompileContext {
  readonly catalog: Catalog
  /** The id for the next object that is created. */
  nextId(): number
  readonly parameters?: readonly Literal[]
  /** The text that the statement's spans count in. */
  readonly searchText: string
  /** What the user has set, by name. */
  readonly settings?: ReadonlyMap<string, string> | undefined
}

export type Compiled =
  /** `tag` is SELECT if not given. */
  | { readonly kind: 'query'; readonly command: Command; readonly fields: Field[]; readonly tag?: string }
  | { readonly kind: 'subscribe'; readonly command: Command; readonly fields: Field[] }
  | { readonly kind: 'dml'; readonly command: Command; readonly tag: 'INSERT' | 'UPDATE' | 'DELETE' }
  | DdlCompiled
  | { readonly kind: 'rows'; readonly fields: Field[]; readonly rows: (string | null)[][]; readonly tag: string }
  /** What gives no rows and counts none. */
  | { readonly kind: 'command'; readonly command: Command; readonly tag: string }
  | TransactionCompiled
  | { readonly kind: 'set'; readonly name: string; readonly value: string | null }
  /** Forgets a prepared statement; all without a name. */
  | { readonly kind: 'deallocate'; readonly name: string | undefined; readonly tag: string }
  | { readonly kind: 'discard'; readonly all: boolean; readonly tag: string }

/** BEGIN, COMMIT and ROLLBACK are the session's: it knows the transaction's number. */
export interface TransactionCompiled {
  readonly kind: 'transaction'
  readonly action: 'begin' | 'commit' | 'rollback'
  readonly readOnly: boolean
  /** As the statement began: START TRANSACTION and BEGIN are answered with their own words. */
  readonly tag: string
  readonly notices: string[]
}

export interface DdlCompiled {
  readonly kind: 'ddl'
  readonly changes: CatalogChange[]
  readonly tag: string
  readonly notices: string[]
  /** The engine reads this file and fills the model's `onnx`. */
  readonly modelFile?: string
}

export function environmentOf(context: CompileContext, notices: string[] = []): Environment {
  return newEnvironment(context.catalog, context.parameters ?? [], notices)
}

export function textOf(context: CompileContext, span: Span): string {
  return context.searchText.slice(span.start, span.end)
}

export function textFields(...names: string[]): Field[] {
  return names.map((name) => ({ name, data_type: TEXT, nullable: true }))
}
