//! The function registry: every scalar function's name, signatures and implementation. TypeScript's binder resolves
//! calls with a copy of the signatures that is generated from here, so what it lists is exactly what runs.

use std::collections::HashSet;
use std::sync::LazyLock;

use millrace_base::Result;
use millrace_plan::{DataType, FunctionKind, FunctionSignature, ParameterType, ReturnRule, Volatility};

use crate::functions;
use crate::node::Call;
use crate::value::Value;

/// Computes a whole batch.
pub(crate) type Run = fn(&[Value], &Call) -> Result<Value>;

pub(crate) struct Entry {
    pub signature: FunctionSignature,
    pub run: Run,
    /// Whether some argument of the right type gives an error.
    pub fallible: bool,
}

/// All signatures, in the order in which the binder tries them.
pub fn signatures() -> Vec<FunctionSignature> {
    TABLE.iter().map(|e| e.signature.clone()).collect()
}

static TABLE: LazyLock<Vec<Entry>> = LazyLock::new(|| {
    [
        functions::math::table(),
        functions::rounding::table(),
        functions::text::table(),
        functions::pattern::table(),
        functions::digest::table(),
        functions::time::table(),
        functions::to_char::table(),
        functions::conditional::table(),
        functions::uuid::table(),
        functions::jsonb_read::table(),
        functions::jsonb_change::table(),
        functions::jsonb_build::table(),
        functions::array::table(),
        functions::array_search::table(),
        functions::array_text::table(),
        functions::row::table(),
        functions::collected::table(),
        functions::bytes::table(),
        functions::degrees::table(),
        functions::integers::table(),
        functions::jsonb_lists::table(),
        functions::pattern_parts::table(),
        functions::quoting::table(),
        functions::series::table(),
        functions::from_char::table(),
        functions::similar::table(),
        functions::time_parts::table(),
    ]
    .into_iter()
    .flatten()
    .collect()
});

/// The first entry that takes arguments of just these types.
pub(crate) fn resolve(name: &str, args: &[DataType]) -> Option<&'static Entry> {
    TABLE.iter().find(|e| e.signature.name == name && takes(&e.signature, args))
}

pub(crate) fn is_volatile(name: &str) -> bool {
    static NAMES: LazyLock<HashSet<&str>> = LazyLock::new(|| {
        let volatile = TABLE.iter().filter(|entry| entry.signature.volatility == Volatility::Volatile);
        volatile.map(|entry| entry.signature.name.as_str()).collect()
    });
    NAMES.contains(name)
}

fn takes(signature: &FunctionSignature, args: &[DataType]) -> bool {
    let fixed = signature.parameters.len();
    if args.len() < fixed || (args.len() > fixed && signature.variadic.is_none()) {
        return false;
    }
    let mut common = None;
    args.iter().enumerate().all(|(i, arg)| {
        let parameter = signature.parameters.get(i).or(signature.variadic.as_ref());
        match parameter {
            Some(ParameterType::Exact { data_type }) => data_type == arg,
            Some(ParameterType::Numeric) => matches!(arg, DataType::Numeric { .. }),
            Some(ParameterType::Any) => true,
            Some(ParameterType::Common) => common.get_or_insert(*arg) == arg,
            Some(ParameterType::Array) => match arg {
                DataType::Array { element } => *common.get_or_insert(**element) == **element,
                _ => false,
            },
            Some(ParameterType::Element) => common.get_or_insert(*arg) == arg,
            None => false,
        }
    })
}

pub(crate) const fn exact(data_type: DataType) -> ParameterType {
    ParameterType::Exact { data_type }
}

pub(crate) const SMALLINT: ParameterType = exact(DataType::Smallint);
pub(crate) const INTEGER: ParameterType = exact(DataType::Integer);
pub(crate) const BIGINT: ParameterType = exact(DataType::Bigint);
pub(crate) const REAL: ParameterType = exact(DataType::Real);
pub(crate) const DOUBLE: ParameterType = exact(DataType::Double);
pub(crate) const NUMERIC: ParameterType = ParameterType::Numeric;
pub(crate) const TEXT: ParameterType = exact(DataType::Text);
pub(crate) const BYTEA: ParameterType = exact(DataType::Bytea);
pub(crate) const DATE: ParameterType = exact(DataType::Date);
pub(crate) const TIME: ParameterType = exact(DataType::Time);
pub(crate) const TIMESTAMP: ParameterType = exact(DataType::Timestamp);
pub(crate) const TIMESTAMPTZ: ParameterType = exact(DataType::Timestamptz);
pub(crate) const INTERVAL: ParameterType = exact(DataType::Interval);

pub(crate) const BOOLEAN: ParameterType = exact(DataType::Boolean);
pub(crate) const JSONB: ParameterType = exact(DataType::Jsonb);

pub(crate) fn text_array() -> ParameterType {
    exact(DataType::array(DataType::Text))
}

pub(crate) const fn gives(data_type: DataType) -> ReturnRule {
    ReturnRule::Fixed { data_type }
}

/// The result has the type of argument `index`.
pub(crate) const fn like(index: u32) -> ReturnRule {
    ReturnRule::Argument { index }
}

/// An immutable function that may fail.
pub(crate) fn entry(name: &str, parameters: &[ParameterType], result: ReturnRule, run: Run) -> Entry {
    let signature = FunctionSignature {
        name: name.to_string(),
        kind: FunctionKind::Scalar,
        parameters: parameters.to_vec(),
        variadic: None,
        result,
        volatility: Volatility::Immutable,
    };
    Entry { signature, run, fallible: true }
}

impl Entry {
    pub fn variadic(mut self, parameter: ParameterType) -> Self {
        self.signature.variadic = Some(parameter);
        self
    }

    pub fn infallible(mut self) -> Self {
        self.fallible = false;
        self
    }

    pub fn volatility(mut self, volatility: Volatility) -> Self {
        self.signature.volatility = volatility;
        self
    }
}
