//! THE contract between TypeScript and Rust: types, expressions, operators, commands and catalog definitions.
//! Defined once here; `sql/contract/plan.generated.ts` is written from it. A plan is MessagePack of a `Command`
//! (structs as maps with their field names). Rust trusts no plan: `validate` re-derives every type.
//!
//! Start at `rel.rs` (operators) and `command.rs` (what can be asked). Never here: evaluation, storage, Arrow data.

mod command;
mod consumer;
mod decode;
mod definition;
mod expr;
mod function;
mod generate;
mod inspection;
mod nested;
mod options;
mod rel;
mod rel_map;
mod types;
mod validate;
mod validate_command;

pub use command::{Append, Assignment, Command, ConflictAction};
pub use consumer::{PartitionOffset, Position, Seek};
pub use decode::{decode_command, decode_definition, encode};
pub use definition::{
    CatalogChange, ColumnDef, Definition, DefinitionKind, IndexColumn, KafkaSink, KafkaSource, PUBLIC, StartupMode,
    Watermark,
};
pub use expr::{BinaryOp, CaseBranch, Expr, Literal};
pub use function::{FunctionKind, FunctionSignature, ParameterType, ReturnRule, Volatility};
pub use generate::{typescript_functions, typescript_plan};
pub use inspection::Inspection;
pub use nested::{RowField, RowFields, TYPE_DEPTH_MAX, TypeRef};
pub use options::{RelationDurability, RelationOptions};
pub use rel::{
    AggregateCall, AggregateFunction, AsOf, Frame, FrameBound, FrameExclude, FrameUnit, JoinKey, JoinKind, KeyOrder,
    Rel, SortKey, WindowCall, WindowFunction,
};
pub use types::{DataType, Field, UUID_BYTES, arrow_field, arrow_schema, is_plain_numeric};
pub use validate::{Relations, expr_type, reads_past, validate_rel};
pub use validate_command::{modify_types, validate_command, validate_conflict, validate_position};

/// Bumped whenever a plan of the previous version would be read wrongly.
pub const PLAN_VERSION: u32 = 1;
