//! The shape of the function registry. The table itself is `expr::registry`; TypeScript's binder resolves calls
//! with the copy that is generated from it.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::types::DataType;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum FunctionKind {
    Scalar,
    Aggregate,
    Window,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum Volatility {
    /// Same arguments, same result.
    Immutable,
    /// Constant within an epoch: `now()`.
    Stable,
    /// Refused in materialized views.
    Volatile,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(tag = "parameter", rename_all = "snake_case", deny_unknown_fields)]
pub enum ParameterType {
    Exact {
        data_type: DataType,
    },
    /// NUMERIC of any precision and scale.
    Numeric,
    /// Any type, independently of the other parameters.
    Any,
    /// An array of any type; with the others marked so and the elements, its elements have one common type.
    Array,
    /// An element of those arrays.
    Element,
    /// Any type, and all parameters marked so have one common type (coerced by the rules of UNION).
    Common,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(tag = "returns", rename_all = "snake_case", deny_unknown_fields)]
pub enum ReturnRule {
    Fixed {
        data_type: DataType,
    },
    /// The type of that argument, after coercion.
    Argument {
        index: u32,
    },
    /// numeric(38, scale of that argument).
    NumericOfScale {
        index: u32,
    },
    /// The array of the common type of the arrays and elements.
    CommonArray,
    CommonElement,
    /// The binder's own constructs call it, and know.
    Bound,
    /// numeric(38, 0) and the like.
    Numeric {
        scale: u8,
    },
}

/// One overload of a function. `variadic` stands for any number of further arguments (also none).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(deny_unknown_fields)]
pub struct FunctionSignature {
    pub name: String,
    pub kind: FunctionKind,
    pub parameters: Vec<ParameterType>,
    pub variadic: Option<ParameterType>,
    pub result: ReturnRule,
    pub volatility: Volatility,
}
