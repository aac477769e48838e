//! Scalar expressions. The binder has made every coercion explicit: the operands of a comparison, of arithmetic,
//! of IN and of CASE have one type, except date/time arithmetic (timestamp ± interval and the like) and
//! NUMERIC arithmetic, whose operands are NUMERICs of any scale and whose result is cast to `data_type`.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::types::DataType;
use millrace_base::RelationId;

/// A typed constant.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum Literal {
    Null {
        data_type: DataType,
    },
    Boolean {
        value: bool,
    },
    Smallint {
        value: i16,
    },
    Integer {
        value: i32,
    },
    Bigint {
        value: i64,
    },
    Real {
        value: f32,
    },
    Double {
        value: f64,
    },
    /// `value` is the decimal text with exactly `scale` digits after the point, e.g. `-1.50`.
    Numeric {
        value: String,
        precision: u8,
        scale: u8,
    },
    Text {
        value: String,
    },
    Bytea {
        #[serde(with = "serde_bytes")]
        #[ts(type = "Uint8Array")]
        value: Vec<u8>,
    },
    /// Days since 1970-01-01.
    Date {
        value: i32,
    },
    /// Microseconds since midnight.
    Time {
        value: i64,
    },
    /// Microseconds since 1970-01-01 00:00.
    Timestamp {
        value: i64,
    },
    /// Microseconds since 1970-01-01 00:00 UTC.
    Timestamptz {
        value: i64,
    },
    Interval {
        months: i32,
        days: i32,
        microseconds: i64,
    },
    /// Its 16 bytes.
    Uuid {
        #[serde(with = "serde_bytes")]
        #[ts(type = "Uint8Array")]
        value: Vec<u8>,
    },
    /// `value` is JSON text.
    Jsonb {
        value: String,
    },
}

impl Literal {
    pub fn data_type(&self) -> DataType {
        match self {
            Literal::Null { data_type } => *data_type,
            Literal::Boolean { .. } => DataType::Boolean,
            Literal::Smallint { .. } => DataType::Smallint,
            Literal::Integer { .. } => DataType::Integer,
            Literal::Bigint { .. } => DataType::Bigint,
            Literal::Real { .. } => DataType::Real,
            Literal::Double { .. } => DataType::Double,
            Literal::Numeric { precision, scale, .. } => DataType::Numeric { precision: *precision, scale: *scale },
            Literal::Text { .. } => DataType::Text,
            Literal::Bytea { .. } => DataType::Bytea,
            Literal::Date { .. } => DataType::Date,
            Literal::Time { .. } => DataType::Time,
            Literal::Timestamp { .. } => DataType::Timestamp,
            Literal::Timestamptz { .. } => DataType::Timestamptz,
            Literal::Interval { .. } => DataType::Interval,
            Literal::Uuid { .. } => DataType::Uuid,
            Literal::Jsonb { .. } => DataType::Jsonb,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum BinaryOp {
    Add,
    Subtract,
    Multiply,
    Divide,
    Modulo,
    Equal,
    NotEqual,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
    IsDistinctFrom,
    IsNotDistinctFrom,
    And,
    Or,
    /// `||` on text and bytea.
    Concat,
    /// `~`, `~*`, `!~`, `!~*` on text.
    RegexMatch,
    RegexIMatch,
    RegexNotMatch,
    RegexNotIMatch,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[serde(deny_unknown_fields)]
pub struct CaseBranch {
    pub when: Expr,
    pub then: Expr,
}

/// A scalar expression over the columns of its operator's input.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[serde(tag = "op", rename_all = "snake_case", deny_unknown_fields)]
pub enum Expr {
    Column {
        index: u32,
    },
    Literal {
        literal: Literal,
    },
    Binary {
        operator: BinaryOp,
        left: Box<Expr>,
        right: Box<Expr>,
        data_type: DataType,
    },
    Not {
        input: Box<Expr>,
    },
    Negate {
        input: Box<Expr>,
    },
    IsNull {
        input: Box<Expr>,
        negated: bool,
    },
    /// Searched CASE; a simple CASE is bound to comparisons. `then`s and `otherwise` are of `data_type`.
    Case {
        branches: Vec<CaseBranch>,
        otherwise: Option<Box<Expr>>,
        data_type: DataType,
    },
    Cast {
        input: Box<Expr>,
        to: DataType,
    },
    InList {
        input: Box<Expr>,
        list: Vec<Expr>,
        negated: bool,
    },
    Like {
        input: Box<Expr>,
        pattern: Box<Expr>,
        negated: bool,
        case_insensitive: bool,
    },
    /// A function of the registry; the arguments have the types of one of its signatures.
    Call {
        function: String,
        args: Vec<Expr>,
        data_type: DataType,
    },
    /// Probability of the positive class (DOUBLE) by a model of the catalog; args are DOUBLE, in the model's feature
    /// order. NULL when an argument is NULL.
    Predict {
        model: RelationId,
        args: Vec<Expr>,
    },
    /// `$index` of a statement that is planned once and run with other values each time. Whoever sends the plan puts the
    /// values in its place: the engine refuses a plan that still has one.
    Parameter {
        index: u32,
        data_type: DataType,
    },
}
