//! Plans that no planner of ours would write: each is refused with a code, none panics.

use millrace_base::{Code, RelationId};
use millrace_plan::*;

/// A table, and beside it a model (2) and a stream (3).
struct OneTable;

impl Relations for OneTable {
    fn columns(&self, id: RelationId) -> Option<Vec<DataType>> {
        match id.0 {
            1 => Some(vec![DataType::Bigint, DataType::Text, DataType::Timestamptz]),
            3 => Some(vec![DataType::Bigint]),
            _ => None,
        }
    }

    fn append_only(&self, id: RelationId) -> bool {
        id == RelationId(3)
    }

    fn model_inputs(&self, id: RelationId) -> Option<u32> {
        (id == RelationId(2)).then_some(2)
    }
}

fn scan() -> Box<Rel> {
    Box::new(Rel::Scan { relation: RelationId(1), columns: vec![0, 1, 2], as_of: None })
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
        aggregates: vec![AggregateCall { function, arg, distinct: false, filter: None, data_type, order: Vec::new() }],
    };
    let refused = [
        Rel::Scan { relation: RelationId(1), columns: vec![3], as_of: None },
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
            keys: vec![JoinKey { left: column(0), right: column(1), nulls_equal: false }],
            residual: None,
        },
        aggregate(AggregateFunction::Sum, Some(column(1)), DataType::Bigint),
        aggregate(AggregateFunction::Sum, Some(column(0)), DataType::Bigint),
        aggregate(AggregateFunction::CountStar, Some(column(0)), DataType::Bigint),
        Rel::UnionAll { inputs: vec![] },
        Rel::UnionAll { inputs: vec![*scan(), Rel::GenerateSeries { start: 1, stop: 2, step: 1 }] },
        Rel::TemporalFilter { input: scan(), from: vec![], until: vec![column(0)] },
        Rel::TimeWindow { input: scan(), time: column(0), size_us: 1, slide_us: 1, offset_us: 0 },
        Rel::TimeWindow { input: scan(), time: column(2), size_us: i64::MAX, slide_us: 1, offset_us: 0 },
        Rel::TimeWindow { input: scan(), time: column(2), size_us: 1, slide_us: 0, offset_us: 0 },
    ];
    for rel in refused {
        let shown = format!("{rel:?}");
        assert_eq!(code(rel), Code::ProtocolViolation, "{shown}");
    }
    assert_eq!(code(Rel::Scan { relation: RelationId(7), columns: vec![], as_of: None }), Code::UndefinedTable);
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
        encode(&Command::Query { version: PLAN_VERSION, root: rel, names: vec![], transaction: None }).unwrap()
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
        transaction: None,
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
    let command = Command::Query { version: PLAN_VERSION + 1, root: *scan(), names: vec![], transaction: None };
    let error = validate_command(&command, &OneTable).unwrap_err();
    assert_eq!(error.code, Code::ProtocolViolation);
    assert!(error.message.contains("version"), "{}", error.message);
}

fn command_code(command: Command) -> Code {
    validate_command(&command, &OneTable).expect_err("the command must be refused").code
}

#[test]
fn the_update_of_a_conflict_sees_both_rows_and_no_more() {
    let insert = |assignments, predicate| Command::Insert {
        version: PLAN_VERSION,
        relation: RelationId(1),
        source: *scan(),
        on_conflict: ConflictAction::Update { assignments, predicate },
        transaction: None,
    };
    let set = |column, value| Assignment { column, value };
    let fits = insert(vec![set(0, column(3)), set(1, column(1))], None);
    validate_command(&fits, &OneTable).unwrap();
    for refused in [
        insert(vec![set(0, column(6))], None),
        insert(vec![set(0, column(4))], None),
        insert(vec![set(3, column(0))], None),
        insert(vec![set(0, column(0)), set(0, column(3))], None),
        insert(vec![], Some(column(0))),
    ] {
        assert_eq!(command_code(refused.clone()), Code::ProtocolViolation, "{refused:?}");
    }
}

#[test]
fn the_past_is_for_queries_and_its_time_is_one() {
    let past = |as_of| Rel::Scan { relation: RelationId(1), columns: vec![0], as_of: Some(as_of) };
    let names = || vec!["a".to_string()];
    let query = |root| Command::Query { version: PLAN_VERSION, root, names: names(), transaction: None };
    let at = |literal| AsOf::Timestamp { time: Expr::Literal { literal } };
    validate_command(&query(past(AsOf::Epoch { epoch: 7 })), &OneTable).unwrap();
    validate_command(&query(past(at(Literal::Timestamptz { value: 0 }))), &OneTable).unwrap();
    assert_eq!(command_code(query(past(at(Literal::Bigint { value: 0 })))), Code::ProtocolViolation);
    assert_eq!(command_code(query(past(AsOf::Timestamp { time: column(0) }))), Code::ProtocolViolation);
    let root = Rel::Limit { input: Box::new(past(AsOf::Epoch { epoch: 7 })), limit: None, offset: 0 };
    let subscribe = Command::Subscribe { version: PLAN_VERSION, root, names: names(), snapshot: true };
    assert_eq!(command_code(subscribe), Code::ProtocolViolation);
}

#[test]
fn what_is_said_of_groups_and_relations_is_checked() {
    let open = |group: &str, columns, from| Command::ConsumerOpen {
        version: PLAN_VERSION,
        group: group.into(),
        stream: RelationId(3),
        columns,
        from,
    };
    let time = Expr::Literal { literal: Literal::Timestamptz { value: 0 } };
    validate_command(&open("g", vec![0], Position::Timestamp { time }), &OneTable).unwrap();
    assert_eq!(command_code(open("", vec![0], Position::Latest)), Code::InvalidParameterValue);
    assert_eq!(command_code(open(&"g".repeat(256), vec![0], Position::Latest)), Code::InvalidParameterValue);
    assert_eq!(command_code(open("g\n", vec![0], Position::Latest)), Code::InvalidParameterValue);
    assert_eq!(command_code(open("g", vec![1], Position::Latest)), Code::ProtocolViolation);
    assert_eq!(command_code(open("g", vec![0], Position::Timestamp { time: column(0) })), Code::ProtocolViolation);
    let commit = |stream, offsets| Command::ConsumerCommit {
        version: PLAN_VERSION,
        group: "g".into(),
        stream,
        member: 1,
        offsets,
        transaction: Some(4),
    };
    let offset = PartitionOffset { partition: 0, next_offset: 9 };
    assert_eq!(commit(RelationId(3), vec![offset]).transaction(), Some(4));
    validate_command(&commit(RelationId(3), vec![offset]), &OneTable).unwrap();
    assert_eq!(command_code(commit(RelationId(3), vec![offset, offset])), Code::ProtocolViolation);
    assert_eq!(command_code(commit(RelationId(1), vec![offset])), Code::WrongObjectType, "a table");
    let seek = Seek { partition: Some(0), to: Position::Offset { offset: 1 } };
    let seek = Command::ConsumerSeek { version: PLAN_VERSION, group: "g".into(), stream: RelationId(9), seek };
    assert_eq!(command_code(seek), Code::UndefinedTable);
    let truncate = |relations| Command::Truncate { version: PLAN_VERSION, relations, transaction: None };
    validate_command(&truncate(vec![RelationId(1), RelationId(3)]), &OneTable).unwrap();
    assert_eq!(command_code(truncate(vec![])), Code::ProtocolViolation);
    assert_eq!(command_code(truncate(vec![RelationId(1), RelationId(1)])), Code::ProtocolViolation);
    assert_eq!(command_code(truncate(vec![RelationId(8)])), Code::UndefinedTable);
    let backup = Command::Backup { version: PLAN_VERSION, path: String::new() };
    assert_eq!(command_code(backup), Code::InvalidParameterValue);
}
