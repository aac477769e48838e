//! GROUP BY's calls. A filter comes before its argument: where it is not true, an argument that could fail is not even
//! computed.

use millrace_base::Result;
use millrace_kernels::{Accumulator, AggregateKind, DistinctSet, SortField};
use millrace_plan::{AggregateCall, AggregateFunction, CaseBranch, DataType, Expr, Relations, expr_type};

/// A grouping as the kernels compute it.
pub struct Aggregation {
    pub group_types: Vec<DataType>,
    pub calls: Vec<LoweredCall>,
    /// The node's columns over those computed (the group columns, then the calls), where they are not the same.
    ///
    /// Equal intervals can be told apart (`1 month`, `30 days`), and a group shows one of its own. PostgreSQL takes the
    /// one that it saw first, which for a view depends on the order of changes; here it is the least by its parts (time
    /// first, then days), as MIN finds it. It can change while the group's key does not.
    pub output: Option<Vec<Expr>>,
}

pub struct LoweredCall {
    pub argument: Option<Expr>,
    /// What is still to be true of a row for it to count.
    pub mask: Option<Expr>,
    kind: AggregateKind,
    argument_type: Option<DataType>,
    distinct: bool,
    output: DataType,
    order: Vec<SortField>,
}

impl Aggregation {
    /// The types of the group columns and of the calls.
    pub fn types(&self) -> Vec<DataType> {
        self.group_types.iter().copied().chain(self.calls.iter().map(|c| c.output)).collect()
    }
}

impl LoweredCall {
    pub fn kind(&self) -> AggregateKind {
        self.kind
    }

    pub fn is_distinct(&self) -> bool {
        self.distinct
    }

    /// `retractable`: whether rows can go.
    pub fn accumulator(&self, retractable: bool) -> Result<Accumulator> {
        let argument = self.argument_type.map(DataType::to_arrow);
        Accumulator::ordered(self.kind, argument.as_ref(), &self.output.to_arrow(), retractable, self.order.clone())
    }

    pub fn distinct_set(&self) -> Result<Option<DistinctSet>> {
        let argument = self.argument_type.filter(|_| self.distinct);
        argument.map(|argument| DistinctSet::new(&argument.to_arrow())).transpose()
    }
}

pub fn lower_aggregate(
    group: &[Expr],
    calls: &[AggregateCall],
    input: &[DataType],
    relations: &dyn Relations,
) -> Result<Aggregation> {
    let type_of = |expr: &Expr| expr_type(expr, input, relations);
    let group_types: Vec<DataType> = group.iter().map(type_of).collect::<Result<_>>()?;
    let mut lowered: Vec<LoweredCall> = calls.iter().map(|c| lower_call(c, &type_of)).collect::<Result<_>>()?;
    let mut output: Vec<Expr> = (0..(group.len() + calls.len()) as u32).map(|index| Expr::Column { index }).collect();
    for (at, expr) in group.iter().enumerate().filter(|(at, _)| group_types[*at] == DataType::Interval) {
        output[at] = Expr::Column { index: (group.len() + lowered.len()) as u32 };
        let least = AggregateCall {
            function: AggregateFunction::Min,
            arg: Some(expr.clone()),
            distinct: false,
            filter: None,
            data_type: DataType::Interval,
            order: Vec::new(),
        };
        lowered.push(lower_call(&least, &type_of)?);
    }
    let output = (lowered.len() > calls.len()).then_some(output);
    Ok(Aggregation { group_types, calls: lowered, output })
}

fn lower_call(call: &AggregateCall, type_of: &dyn Fn(&Expr) -> Result<DataType>) -> Result<LoweredCall> {
    let kind = aggregate_kind(call.function);
    let argument_type = call.arg.as_ref().map(type_of).transpose()?;
    let (argument, mask) = match (&call.arg, argument_type, &call.filter) {
        (Some(arg), Some(of), Some(filter)) if !matches!(arg, Expr::Column { .. }) => {
            (Some(filtered(arg, filter, of)), None)
        }
        (arg, _, filter) => (arg.clone(), filter.clone()),
    };
    // MIN and MAX are the same over the distinct values, and need no set of them.
    let distinct = call.distinct && !matches!(kind, AggregateKind::Min | AggregateKind::Max);
    let order = call.order.iter().map(|k| SortField { descending: k.descending, nulls_first: k.nulls_first }).collect();
    Ok(LoweredCall { argument, mask, kind, argument_type, distinct, output: call.data_type, order })
}

pub(super) fn aggregate_kind(function: AggregateFunction) -> AggregateKind {
    match function {
        AggregateFunction::CountStar => AggregateKind::CountStar,
        AggregateFunction::Count => AggregateKind::Count,
        AggregateFunction::Sum => AggregateKind::Sum,
        AggregateFunction::Min => AggregateKind::Min,
        AggregateFunction::Max => AggregateKind::Max,
        AggregateFunction::Avg => AggregateKind::Avg,
        AggregateFunction::BoolAnd => AggregateKind::BoolAnd,
        AggregateFunction::BoolOr => AggregateKind::BoolOr,
        AggregateFunction::BitAnd => AggregateKind::BitAnd,
        AggregateFunction::BitOr => AggregateKind::BitOr,
        AggregateFunction::BitXor => AggregateKind::BitXor,
        AggregateFunction::VarPop => AggregateKind::VarPop,
        AggregateFunction::VarSamp => AggregateKind::VarSamp,
        AggregateFunction::StddevPop => AggregateKind::StddevPop,
        AggregateFunction::StddevSamp => AggregateKind::StddevSamp,
        AggregateFunction::Moments => AggregateKind::Moments,
        AggregateFunction::Collect => AggregateKind::Collect,
    }
}

/// NULL, which no aggregate of values counts, where the filter is not true.
pub(super) fn filtered(argument: &Expr, filter: &Expr, data_type: DataType) -> Expr {
    let branch = CaseBranch { when: filter.clone(), then: argument.clone() };
    Expr::Case { branches: vec![branch], otherwise: None, data_type }
}
