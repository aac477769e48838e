/** What `compile` is given and what it gives. */

import { type Environment, newEnvironment } from '../bind/environment.js'
import type { Parameters } from '../bind/parameters.js'
import { withTables } from '../bind/query.js'
import type { SessionView } from '../bind/system.js'
import type { Catalog } from '../catalog/catalog.js'
import type { CatalogChange, Command, DataType, Definition, Expr, Field } from '../contract/plan.generated.js'
import type { Span, Transaction, With } from '../syntax/tree.js'
import { TEXT } from '../types/data-type.js'
import type { CopyFormat } from './copy.js'
import { SETTINGS } from './settings.js'

export interface CompileContext {
  readonly catalog: Catalog
  /** The id for the next object that is created. */
  nextId(): number
  readonly parameters?: Parameters
  /** The text that the statement's spans count in. */
  readonly searchText: string
  /** What the user has set, by name. */
  readonly settings?: ReadonlyMap<string, string> | undefined
  readonly session?: SessionView
}

/** Of a statement that was planned before its values were known. */
export interface PlannedParameters {
  readonly types: readonly DataType[]
  /** Whether planning had to know a value, so that the plan tells types only. */
  readonly needed: boolean
}

export type Compiled =
  /** `tag` is SELECT if not given. */
  | {
      readonly kind: 'query'
      readonly command: Command
      readonly fields: Field[]
      readonly tag?: string
      readonly parameters?: PlannedParameters
      /** Whether it has what was so at the time of planning: it must not be kept. */
      readonly momentary?: boolean
      /** Settings that set_config changes. */
      readonly sets?: readonly { readonly name: string; readonly value: string }[]
    }
  | { readonly kind: 'subscribe'; readonly command: Command; readonly fields: Field[] }
  | {
      readonly kind: 'dml'
      readonly command: Command
      readonly tag: 'INSERT' | 'UPDATE' | 'DELETE' | 'MERGE'
      /** Of RETURNING. */
      readonly fields?: Field[]
      readonly parameters?: PlannedParameters
      readonly momentary?: boolean
    }
  | DdlCompiled
  | { readonly kind: 'rows'; readonly fields: Field[]; readonly rows: (string | null)[][]; readonly tag: string }
  /** What gives no rows and counts none. */
  | { readonly kind: 'command'; readonly command: Command; readonly tag: string }
  | TransactionCompiled
  | { readonly kind: 'set'; readonly name: string; readonly value: string | null }
  /** Forgets a prepared statement; all without a name. */
  | { readonly kind: 'deallocate'; readonly name: string | undefined; readonly tag: string }
  /** Keeps the plan of a statement; `types` are those of its parameters that were declared. */
  | { readonly kind: 'prepare'; readonly name: string; readonly text: string; readonly types: readonly DataType[] }
  | {
      readonly kind: 'copy_from'
      readonly definition: Definition
      /** The places of the columns that each line has. */
      readonly columns: readonly number[]
      readonly form: CopyFormat
      /** None is the client's standard input. */
      readonly path: string | null
    }
  | {
      readonly kind: 'copy_to'
      readonly command: Command
      readonly fields: readonly Field[]
      readonly form: CopyFormat
      readonly path: string | null
    }
  | { readonly kind: 'execute'; readonly name: string; readonly values: readonly Expr[] }
  | { readonly kind: 'discard'; readonly all: boolean; readonly tag: string }

/** BEGIN, COMMIT, ROLLBACK and savepoints are the session's: it knows the transaction's number. */
export interface TransactionCompiled {
  readonly kind: 'transaction'
  readonly action: Transaction['action']
  /** Of the savepoint, where the action has one. */
  readonly name?: string
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
  /** The command's rows are counted in the tag: this one, with their number. */
  readonly counted?: string
  /** The engine reads this file and fills the model's `onnx`. */
  readonly modelFile?: string
}

/** The session as a statement sees it; `compile` makes one for each. */
export function newSession({ settings }: Pick<CompileContext, 'settings'>): SessionView {
  const all = new Map([...SETTINGS].map(([name, { value }]) => [name, value]))
  for (const [name, value] of settings ?? []) all.set(name, value)
  return { settings: all, momentary: false, sets: [] }
}

export function environmentOf(context: CompileContext, notices: string[] = []): Environment {
  return newEnvironment(context.catalog, context.parameters ?? [], notices, context.session ?? newSession(context))
}

/** With the tables of the statement's own WITH. */
export function environmentOfWrite(statement: { readonly with?: With }, context: CompileContext): Environment {
  const env = environmentOf(context)
  return statement.with === undefined ? env : withTables(statement.with, env)
}

export function textOf(context: CompileContext, span: Span): string {
  return context.searchText.slice(span.start, span.end)
}

export function textFields(...names: string[]): Field[] {
  return names.map((name) => ({ name, data_type: TEXT, nullable: true }))
}
