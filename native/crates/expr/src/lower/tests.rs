//! What queries and views are to agree on: filters before arguments, frames as distances, shared inputs.

use millrace_base::{Code, RelationId};
use millrace_plan::*;

use super::window::distance;
use super::*;

struct NoRelations;

impl Relations for NoRelations {
    fn columns(&self, _: RelationId) -> Option<Vec<DataType>> {
        None
    }

    fn model_inputs(&self, _: RelationId) -> Option<u32> {
        None
    }
}

const INPUT: [DataType; 3] = [DataType::Bigint, DataType::Interval, DataType::Boolean];

fn column(index: u32) -> Expr {
    Expr::Column { index }
}

fn negated(index: u32) -> Expr {
    Expr::Negate { input: Box::new(column(index)) }
}

fn call(function: AggregateFunction, arg: Option<Expr>, filter: Option<Expr>) -> AggregateCall {
    let data_type = match function {
        AggregateFunction::Sum => DataType::Numeric { precision: 38, scale: 0 },
        _ => DataType::Bigint,
    };
    AggregateCall { function, arg, distinct: true, filter, data_type, order: Vec::new() }
}

#[test]
fn a_filter_guards_arguments_that_may_fail() {
    use AggregateFunction as F;
    let calls = [
        call(F::Sum, Some(negated(0)), Some(column(2))),
        call(F::Sum, Some(column(0)), Some(column(2))),
        call(F::CountStar, None, Some(column(2))),
        call(F::Min, Some(column(0)), None),
    ];
    let lowered = lower_aggregate(&[column(0)], &calls, &INPUT, &NoRelations).unwrap();
    assert!(lowered.output.is_none(), "nothing is hidden");
    let [guarded, masked, counted, least] = lowered.calls.as_slice() else { panic!("a call each") };
    assert!(matches!(guarded.argument, Some(Expr::Case { .. })) && guarded.mask.is_none());
    assert_eq!((&masked.argument, &masked.mask), (&Some(column(0)), &Some(column(2))));
    assert_eq!((&counted.argument, &counted.mask), (&None, &Some(column(2))));
    assert!(masked.distinct_set().unwrap().is_some() && least.distinct_set().unwrap().is_none());
}

#[test]
fn a_group_of_intervals_shows_its_least() {
    let calls = [call(AggregateFunction::CountStar, None, None)];
    let lowered = lower_aggregate(&[column(1), column(0)], &calls, &INPUT, &NoRelations).unwrap();
    assert_eq!(lowered.calls.len(), 2);
    assert_eq!(lowered.output, Some(vec![column(3), column(1), column(2)]));
    assert_eq!(lowered.types(), [DataType::Interval, DataType::Bigint, DataType::Bigint, DataType::Interval]);
}

#[test]
fn window_calls_share_their_inputs() {
    let whole = Frame {
        unit: FrameUnit::Rows,
        start: FrameBound::UnboundedPreceding,
        end: FrameBound::UnboundedFollowing,
        exclude: Default::default(),
    };
    let sum = WindowFunction::Aggregate { aggregate: AggregateFunction::Sum };
    let call = |function: &WindowFunction, args: &[Expr], filter: Option<Expr>, data_type| WindowCall {
        function: function.clone(),
        args: args.to_vec(),
        filter,
        frame: whole.clone(),
        data_type,
    };
    let numeric = DataType::Numeric { precision: 38, scale: 0 };
    let random = Expr::Call { function: "random".into(), args: vec![], data_type: DataType::Double };
    let count = WindowFunction::Aggregate { aggregate: AggregateFunction::CountStar };
    let calls = [
        call(&sum, &[column(0)], None, numeric),
        call(&WindowFunction::FirstValue, &[column(0)], None, DataType::Bigint),
        call(&sum, &[column(0)], Some(column(2)), numeric),
        call(&count, &[], Some(column(2)), DataType::Bigint),
        call(&count, &[], None, DataType::Bigint),
        call(&sum, std::slice::from_ref(&random), None, DataType::Double),
        call(&sum, &[random], None, DataType::Double),
    ];
    let key = |index| SortKey { expr: column(index), descending: true, nulls_first: true };
    let lowered = lower_window(&[key(0)], &calls, &INPUT, &NoRelations).unwrap();
    assert!(lowered.integer_key && lowered.fields[0].descending);
    assert_eq!(lowered.inputs.len(), 5, "column, filtered column, filter, and each random() by itself");
    for keys in [vec![key(1)], vec![key(0), key(1)]] {
        assert!(!lower_window(&keys, &calls, &INPUT, &NoRelations).unwrap().integer_key);
    }
}

#[test]
fn offsets_are_distances_of_the_key() {
    let interval = |months, days, microseconds| Literal::Interval { months, days, microseconds };
    let hour = 3_600_000_000;
    let range = |offset: &Literal, key| distance(FrameUnit::Range, offset, Some(key));
    for (offset, key, expected) in [
        (interval(0, 1, hour), DataType::Timestamp, 25 * hour),
        (interval(0, 1, 47 * hour), DataType::Date, 2),
        (Literal::Smallint { value: 3 }, DataType::Smallint, 3),
        (Literal::Bigint { value: 4 }, DataType::Bigint, 4),
    ] {
        assert_eq!(range(&offset, key).unwrap(), expected);
    }
    let refused = |offset: Literal, key| range(&offset, key).unwrap_err().code;
    assert_eq!(refused(interval(1, 0, 0), DataType::Timestamp), Code::FeatureNotSupported);
    assert_eq!(refused(Literal::Double { value: 0.5 }, DataType::Double), Code::FeatureNotSupported);
    assert_eq!(refused(interval(0, i32::MAX, i64::MAX), DataType::Timestamp), Code::DatetimeFieldOverflow);
    assert_eq!(refused(interval(0, -1, 0), DataType::Timestamp), Code::InvalidParameterValue);
    assert_eq!(distance(FrameUnit::Rows, &Literal::Bigint { value: 2 }, None).unwrap(), 2);
    let rows = distance(FrameUnit::Rows, &Literal::Integer { value: 2 }, None).unwrap_err();
    assert_eq!(rows.code, Code::FeatureNotSupported);
}
