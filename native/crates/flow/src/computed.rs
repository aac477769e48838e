//! An expression of an operator, compiled. A plain column costs nothing: it is the input's array.

use arrow_array::{ArrayRef, RecordBatch};
use millrace_base::{Code, Error, Result};
use millrace_expr::{Evaluator, Projection};
use millrace_plan::{DataType, Expr, Volatility, expr_type};

use crate::compile::FlowEnv;

pub(crate) struct Computed {
    kind: Kind,
    data_type: DataType,
}

enum Kind {
    Column(usize),
    Evaluator(Evaluator),
}

impl Computed {
    pub fn compile(expr: &Expr, input: &[DataType], env: &FlowEnv<'_>) -> Result<Self> {
        refuse_changing(expr)?;
        let data_type = expr_type(expr, input, env.relations)?;
        let kind = match expr {
            Expr::Column { index } => Kind::Column(*index as usize),
            other => Kind::Evaluator(Evaluator::compile(other, input, env.models)?),
        };
        Ok(Self { kind, data_type })
    }

    pub fn all(exprs: &[Expr], input: &[DataType], env: &FlowEnv<'_>) -> Result<Vec<Self>> {
        exprs.iter().map(|e| Self::compile(e, input, env)).collect()
    }

    pub fn evaluate(&self, rows: &RecordBatch, now_us: i64) -> Result<ArrayRef> {
        match &self.kind {
            Kind::Column(index) => Ok(rows.column(*index).clone()),
            Kind::Evaluator(evaluator) => evaluator.evaluate(rows, now_us),
        }
    }

    pub fn evaluate_all(computed: &[Self], rows: &RecordBatch, now_us: i64) -> Result<Vec<ArrayRef>> {
        computed.iter().map(|c| c.evaluate(rows, now_us)).collect()
    }

    pub fn column(&self) -> Option<usize> {
        if let Kind::Column(index) = self.kind { Some(index) } else { None }
    }

    pub fn data_type(&self) -> DataType {
        self.data_type
    }

    pub fn arrow_types(computed: &[Self]) -> Vec<arrow_schema::DataType> {
        computed.iter().map(|c| c.data_type.to_arrow()).collect()
    }
}

/// A predicate, compiled.
pub(crate) fn compile_predicate(expr: &Expr, input: &[DataType], env: &FlowEnv<'_>) -> Result<Evaluator> {
    refuse_changing(expr)?;
    Evaluator::compile(expr, input, env.models)
}

/// A list of expressions, compiled together: what they share is computed once.
pub(crate) fn compile_projection(exprs: &[Expr], input: &[DataType], env: &FlowEnv<'_>) -> Result<Projection> {
    exprs.iter().try_for_each(refuse_changing)?;
    Projection::compile(exprs, input, env.models)
}

/// A function whose result changes while its arguments do not would leave a view behind its query.
fn refuse_changing(expr: &Expr) -> Result<()> {
    let all = |exprs: &[Expr]| exprs.iter().try_for_each(refuse_changing);
    match expr {
        Expr::Column { .. } | Expr::Literal { .. } | Expr::Parameter { .. } => Ok(()),
        Expr::Binary { left, right, .. } => refuse_changing(left).and_then(|()| refuse_changing(right)),
        Expr::Not { input } | Expr::Negate { input } | Expr::IsNull { input, .. } | Expr::Cast { input, .. } => {
            refuse_changing(input)
        }
        Expr::Case { branches, otherwise, .. } => {
            for branch in branches {
                refuse_changing(&branch.when)?;
                refuse_changing(&branch.then)?;
            }
            otherwise.iter().try_for_each(|e| refuse_changing(e))
        }
        Expr::InList { input, list, .. } => refuse_changing(input).and_then(|()| all(list)),
        Expr::Like { input, pattern, .. } => refuse_changing(input).and_then(|()| refuse_changing(pattern)),
        Expr::Predict { args, .. } => all(args),
        Expr::Call { function, args, .. } => {
            let changes = |s: &millrace_plan::FunctionSignature| s.volatility != Volatility::Immutable;
            if millrace_expr::registry::signatures().iter().any(|s| s.name == *function && changes(s)) {
                return Err(Error::new(
                    Code::FeatureNotSupported,
                    format!("{function}() cannot be used in a materialized view"),
                )
                .with_detail("Its result changes while no row does, so the view could not equal its query.")
                .with_hint("Filter by time where the view is read."));
            }
            all(args)
        }
    }
}
