//! Plans rewritten from the leaves up.

use crate::expr::{BinaryOp, Expr, Literal};
use crate::rel::Rel;
use crate::types::DataType;

impl Rel {
    /// The operators right below.
    pub fn inputs(&self) -> Vec<&Self> {
        match self {
            Self::Scan { .. } | Self::Values { .. } | Self::GenerateSeries { .. } => Vec::new(),
            Self::Filter { input, .. }
            | Self::Project { input, .. }
            | Self::Aggregate { input, .. }
            | Self::Window { input, .. }
            | Self::Sort { input, .. }
            | Self::Limit { input, .. }
            | Self::TimeWindow { input, .. }
            | Self::TemporalFilter { input, .. }
            | Self::Unnest { input, .. } => vec![input],
            Self::Join { left, right, .. } => vec![left, right],
            Self::UnionAll { inputs } => inputs.iter().collect(),
        }
    }

    /// With other operators right below.
    #[must_use]
    pub fn map_inputs(self, f: &mut dyn FnMut(Self) -> Self) -> Self {
        let mut boxed = |input: Box<Self>| Box::new(f(*input));
        match self {
            Self::Scan { .. } | Self::Values { .. } | Self::GenerateSeries { .. } => self,
            Self::Filter { input, predicate } => Self::Filter { input: boxed(input), predicate },
            Self::Project { input, exprs } => Self::Project { input: boxed(input), exprs },
            Self::Aggregate { input, group, aggregates } => Self::Aggregate { input: boxed(input), group, aggregates },
            Self::Window { input, partition, order, calls } => {
                Self::Window { input: boxed(input), partition, order, calls }
            }
            Self::Sort { input, keys, limit, offset } => Self::Sort { input: boxed(input), keys, limit, offset },
            Self::Limit { input, limit, offset } => Self::Limit { input: boxed(input), limit, offset },
            Self::Unnest { input, lists, ordinality, outer } => {
                Self::Unnest { input: boxed(input), lists, ordinality, outer }
            }
            Self::TimeWindow { input, time, size_us, slide_us, offset_us } => {
                Self::TimeWindow { input: boxed(input), time, size_us, slide_us, offset_us }
            }
            Self::TemporalFilter { input, from, until } => Self::TemporalFilter { input: boxed(input), from, until },
            Self::Join { kind, left, right, keys, residual } => {
                Self::Join { kind, left: boxed(left), right: boxed(right), keys, residual }
            }
            Self::UnionAll { inputs } => Self::UnionAll { inputs: inputs.into_iter().map(f).collect() },
        }
    }

    /// Whether some operator of the plan keeps rows for a time.
    pub fn is_temporal(&self) -> bool {
        matches!(self, Self::TemporalFilter { .. }) || self.inputs().into_iter().any(Self::is_temporal)
    }

    /// The plan as a query of one moment: temporal filters are filters.
    #[must_use]
    pub fn at_time(self, time_us: i64) -> Self {
        match self.map_inputs(&mut |input| input.at_time(time_us)) {
            Self::TemporalFilter { input, from, until } => {
                let now = Expr::Literal { literal: Literal::Timestamptz { value: time_us } };
                let from = from.into_iter().map(|bound| binary(BinaryOp::LessEqual, bound, now.clone()));
                let until = until.into_iter().map(|bound| binary(BinaryOp::Greater, bound, now.clone()));
                match from.chain(until).reduce(|a, b| binary(BinaryOp::And, a, b)) {
                    Some(predicate) => Self::Filter { input, predicate },
                    None => *input,
                }
            }
            other => other,
        }
    }
}

fn binary(operator: BinaryOp, left: Expr, right: Expr) -> Expr {
    Expr::Binary { operator, left: Box::new(left), right: Box::new(right), data_type: DataType::Boolean }
}
