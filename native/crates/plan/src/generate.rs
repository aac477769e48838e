//! Writes the TypeScript side of the contract. `cargo run -p millrace-expr --example generate` calls it; a test of
//! `tests/tidy` fails when the committed files differ.

use millrace_base::RelationId;
use ts_rs::{Config, TS};

use crate::*;

const HEADER: &str = "// Generated from native/crates/plan. Do not edit: run `npm run generate`.\n/* biome-ignore-all lint: generated */\n\n";

/// The text of `sql/contract/plan.generated.ts`.
pub fn typescript_plan() -> String {
    let config = Config::default();
    let mut out = String::from(HEADER);
    macro_rules! declare {
        ($($name:ty),* $(,)?) => { $(
            out.push_str("export ");
            out.push_str(&<$name>::decl(&config));
            out.push_str("\n\n");
        )* };
    }
    declare!(
        RelationId,
        RowField,
        DataType,
        Field,
        Literal,
        BinaryOp,
        CaseBranch,
        Expr,
        JoinKind,
        JoinKey,
        KeyOrder,
        SortKey,
        AggregateFunction,
        AggregateCall,
        WindowFunction,
        FrameUnit,
        FrameExclude,
        FrameBound,
        Frame,
        WindowCall,
        AsOf,
        Rel,
        ConflictAction,
        Assignment,
        Append,
        Position,
        Seek,
        PartitionOffset,
        Inspection,
        Command,
        ColumnDef,
        Watermark,
        StartupMode,
        KafkaSource,
        KafkaSink,
        IndexColumn,
        DefinitionKind,
        Definition,
        CatalogChange,
        FunctionKind,
        Volatility,
        ParameterType,
        ReturnRule,
        FunctionSignature,
    );
    out.push_str("/** The columns of each answer. */\nexport const INSPECTION_FIELDS: Readonly<Record<Inspection, readonly Field[]>> = {\n");
    for what in Inspection::ALL {
        let name = serde_json::to_string(&what).expect("a name is plain data");
        let fields = serde_json::to_string(&what.fields()).expect("fields are plain data");
        out.push_str(&format!("  {name}: {fields},\n"));
    }
    out.push_str("}\n\n");
    out.push_str(&format!("export const PLAN_VERSION = {PLAN_VERSION}\n"));
    out
}

/// The text of `sql/contract/functions.generated.ts` for the registry's signatures.
pub fn typescript_functions(signatures: &[FunctionSignature]) -> String {
    let mut out = String::from(HEADER);
    out.push_str("import type { FunctionSignature } from './plan.generated.js'\n\n");
    out.push_str("export const FUNCTIONS: readonly FunctionSignature[] = [\n");
    for signature in signatures {
        let json = serde_json::to_string(signature).expect("a signature is plain data");
        out.push_str(&format!("  {json},\n"));
    }
    out.push_str("]\n");
    out
}
