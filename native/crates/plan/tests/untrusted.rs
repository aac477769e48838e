//! Plans that no planner of ours would write: each is refused with a code, none panics.

use millrace_base::{Code, RelationId};
use millrace_plan::*;

struct OneTable;

impl Relations for OneTable {
    fn columns(&self, id: RelationId) -> Option<Vec<DataType>> {
        (id == RelationId(1)).then(|| vec![DataType::Bigint, DataType::Text, DataType::Timestamptz])
    }

    fn model_inputs(&self, id: RelationId) -> Option<u32> {
        (id == RelationId(2)).then_some(2)
    }
}

fn scan() -> Box<Rel> {
    Box::new(Rel::Scan { relation: RelationId(1), columns: vec![0, 1, 2] })
}

fn column(index: u32) -> Expr {
    Expr::Column { index }
}

fn code(rel: Rel) -> Code {
    validate_rel(&rel, &OneTable).expect_err("the plan must be refused").code
}

fn binary(operator: BinaryOp, left: Expr, right: Expr, data_type: DataType) -> Expr {
    Expr::Binary { operator, left: Box::new(left), right: Box::new(right), data_type }
}

#[test]
fn what_does_not_fit_is_refused() {
    let text = Expr::Literal { literal: Literal::Text { value: "x".into() } };
    let aggregate = |function, arg, data_type| Rel::Aggregate {
        input: scan(),
        group: vec![],
        aggregates: vec![AggregateCall { function, arg, distinct: false, filter: None, data_type }],
    };
    let refused = [
        Rel::Scan { relation: RelationId(1), columns: vec![3] },
        Rel::Filter { input: scan(), predicate: column(0) },
        Rel::Filter { input: scan(), predicate: column(9) },
        Rel::Project { input: scan(), exprs: vec![binary(BinaryOp::Add, column(0), column(1), DataType::Bigint)] },
        Rel::Project { input: scan(), exprs: vec![binary(BinaryOp::Less, column(0), column(1), DataType::Boolean)] },
        Rel::Project { input: scan(), exprs: vec![Expr::Not { input: Box::new(column(0)) }] },
        Rel::Project { input: scan(), exprs: vec![Expr::Predict { model: RelationId(2), args: vec![] }] },
        Rel::Values { types: vec![DataType::Bigint], rows: vec![vec![text.clone()]] },
        Rel::Values { types: vec![DataType::Bigint], rows: vec![vec![]] },
        Rel::Join {
            kind: JoinKind::Inner,
            left: scan(),
            right: scan(),
            keys: vec![JoinKey { left: column(0), right: column(1) }],
            residual: None,
        },
        aggregate(AggregateFunction::Sum, Some(column(1)), DataType::Bigint),
        aggregate(AggregateFunction::Sum, Some(column(0)), DataType::Bigint),
        aggregate(AggregateFunction::CountStar, Some(column(0)), DataType::Bigint),
        Rel::UnionAll { inputs: vec![] },
        Rel::UnionAll { inputs: vec![*scan(), Rel::GenerateSeries { start: 1, stop: 2, step: 1 }] },
        Rel::TimeWindow { input: scan(), time: column(0), size_us: 1, slide_us: 1, offset_us: 0 },
        Rel::TimeWindow { input: scan(), time: column(2), size_us: i64::MAX, slide_us: 1, offset_us: 0 },
        Rel::TimeWindow { input: scan(), time: column(2), size_us: 1, slide_us: 0, offset_us: 0 },
    ];
    for rel in refused {
        let shown = format!("{rel:?}");
        assert_eq!(code(rel), Code::ProtocolViolation, "{shown}");
    }
    assert_eq!(code(Rel::Scan { relation: RelationId(7), columns: vec![] }), Code::UndefinedTable);
    assert_eq!(code(Rel::GenerateSeries { start: 1, stop: 2, step: 0 }), Code::InvalidParameterValue);
}

#[test]
fn what_fits_has_the_types_that_it_says() {
    let rel =
        Rel::TimeWindow { input: scan(), time: column(2), size_us: 60_000_000, slide_us: 1_000_000, offset_us: 0 };
    let types = validate_rel(&rel, &OneTable).unwrap();
    assert_eq!(types[3..], [DataType::Timestamptz, DataType::Timestamptz]);
}

/// Runs on a thread with a stack of `stack_bytes`.
fn on_stack<T: Send + 'static>(stack_bytes: usize, run: impl FnOnce() -> T + Send + 'static) -> T {
    std::thread::Builder::new().stack_size(stack_bytes).spawn(run).unwrap().join().unwrap()
}

#[test]
fn nesting_ends_at_the_limit_before_the_stack_does() {
    let deep = || {
        let mut rel = *scan();
        for _ in 0..10_000 {
            rel = Rel::Limit { input: Box::new(rel), limit: None, offset: 0 };
        }
        assert_eq!(code(rel.clone()), Code::StatementTooComplex);
        encode(&Command::Query { version: PLAN_VERSION, root: rel, names: vec![] }).unwrap()
    };
    let bytes = on_stack(256 << 20, deep);
    // The smallest stack that a plan is decoded on: a thread's default of 2 MiB.
    let error = on_stack(2 << 20, move || decode_command(&bytes).unwrap_err());
    assert_eq!(error.code, Code::ProtocolViolation);
}

#[test]
fn a_command_survives_the_crossing_and_any_damage_is_an_error() {
    let command = Command::Query {
        version: PLAN_VERSION,
        root: Rel::Filter {
            input: scan(),
            predicate: binary(BinaryOp::Equal, column(1), column(1), DataType::Boolean),
        },
        names: vec!["a".into(), "b".into(), "c".into()],
    };
    let bytes = encode(&command).unwrap();
    assert_eq!(decode_command(&bytes).unwrap(), command);
    for cut in 0..bytes.len() {
        assert_eq!(decode_command(&bytes[..cut]).unwrap_err().code, Code::ProtocolViolation);
    }
    for at in 0..bytes.len() {
        for bit in 0..8 {
            let mut broken = bytes.clone();
            broken[at] ^= 1 << bit;
            if let Ok(found) = decode_command(&broken) {
                let _ = validate_command(&found, &OneTable); // may be right or wrong, but it returns
            }
        }
    }
}

#[test]
fn another_version_is_refused() {
    let command = Command::Query { version: PLAN_VERSION + 1, root: *scan(), names: vec![] };
    let error = validate_command(&command, &OneTable).unwrap_err();
    assert_eq!(error.code, Code::ProtocolViolation);
    assert!(error.message.contains("version"), "{}", error.message);
}
