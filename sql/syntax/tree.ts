/**
 * The syntax tree: what a statement says, before any name or type is known. Closed unions of readonly objects with a
 * literal `kind` and a `span`; built once by the parser, never mutated. Walk one with `switch` and `satisfies never`.
 */

import type {
  CaseBranch,
  Expr,
  Frame,
  FrameBound,
  SortItem,
  WindowDefinition,
  WindowName,
  WindowSpec,
} from './tree/expression.js'
import type { Ident, Name, TypeName } from './tree/name.js'
import type { AsOf, CommonTable, GroupBy, QueryBody, SelectItem, TableAlias, TableRef, With } from './tree/query.js'
import type {
  Assignment,
  ColumnDefinition,
  Constraint,
  CopyOption,
  Format,
  OnConflict,
  Option,
  Statement,
  Watermark,
} from './tree/statement.js'

export type * from './tree/expression.js'
export type * from './tree/name.js'
export type * from './tree/query.js'
export type * from './tree/statement.js'

/** Any node of the tree, for walks that treat all alike. */
export type Node =
  | Ident
  | Name
  | TypeName
  | Expr
  | CaseBranch
  | SortItem
  | WindowName
  | WindowSpec
  | Frame
  | FrameBound
  | WindowDefinition
  | QueryBody
  | AsOf
  | With
  | CommonTable
  | SelectItem
  | GroupBy
  | TableRef
  | TableAlias
  | Option
  | ColumnDefinition
  | Constraint
  | Watermark
  | Format
  | Assignment
  | CopyOption
  | OnConflict
  | Statement
