//! The engine from outside: statements, views, reopening, errors, closing.

mod support;

use std::sync::Arc;
use std::time::{Duration, Instant};

use millrace_base::Code;
use millrace_plan::*;
use millrace_runtime::{Engine, EngineOptions};
use support::*;

fn code<T: std::fmt::Debug>(result: millrace_base::Result<T>) -> Code {
    result.expect_err("an error").code
}

#[test]
fn rows_of_streams_and_tables_are_read_back() {
    let engine = memory();
    let (s, t) = (stream(&engine, "s"), table(&engine, "t"));
    assert_eq!(insert(&engine, s, &[(1, 10), (1, 10), (2, 20)]).unwrap().rows, 3);
    assert_eq!(append(&engine, s, &[(3, 30)]).unwrap().rows, 1);
    insert(&engine, t, &[(1, 5)]).unwrap();
    assert_eq!(query(&engine, scan(s), 2).unwrap(), ["1 10", "1 10", "2 20", "3 30"]);
    assert_eq!(query(&engine, joined(s, t), 3).unwrap(), ["1 10 15", "1 10 15", "2 20 null", "3 30 null"]);
    assert_eq!(append(&engine, s, &[]).unwrap().rows, 0);
    engine.close();
}

#[test]
fn keys_and_not_null_are_kept() {
    let engine = memory();
    let t = table(&engine, "t");
    insert(&engine, t, &[(1, 10)]).unwrap();
    let error = insert(&engine, t, &[(2, 20), (1, 11)]).unwrap_err();
    assert_eq!(error.code, Code::UniqueViolation);
    assert_eq!(error.message, "duplicate key value violates unique constraint \"t_pkey\"");
    assert_eq!(error.detail.as_deref(), Some("Key (a)=(1) already exists."));
    assert_eq!(code(insert(&engine, t, &[(3, 1), (3, 2)])), Code::UniqueViolation, "twice in one statement");
    let null = insert_command(t, &[(None, 1)], ConflictAction::Error);
    assert_eq!(code(execute(&engine, &null)), Code::NotNullViolation);
    let nothing = insert_command(t, &[(Some(1), 99), (Some(4), 40), (Some(4), 41)], ConflictAction::DoNothing);
    assert_eq!(execute(&engine, &nothing).unwrap().rows, 1);
    let replace = insert_command(t, &[(Some(1), 12), (Some(5), 50), (Some(5), 51)], ConflictAction::Replace);
    assert_eq!(execute(&engine, &replace).unwrap().rows, 3);
    assert_eq!(query(&engine, scan(t), 2).unwrap(), ["1 12", "4 40", "5 51"]);
    assert_eq!(code(append(&engine, t, &[(1, 1)])), Code::UniqueViolation);
}

#[test]
fn updates_and_deletes_change_the_newest_rows() {
    let engine = memory();
    let t = table(&engine, "t");
    insert(&engine, t, &[(1, 10), (2, 20), (3, 30)]).unwrap();
    assert_eq!(add(&engine, t, 2, 5).unwrap().rows, 1);
    assert_eq!(add(&engine, t, 9, 5).unwrap().rows, 0);
    assert_eq!(delete(&engine, t, 1).unwrap().rows, 1);
    assert_eq!(query(&engine, scan(t), 2).unwrap(), ["2 25", "3 30"]);
    // Keys may move past each other in one statement, but not onto one that stays.
    let shift = |by, predicate| Command::Update {
        version: PLAN_VERSION,
        relation: t,
        assignments: vec![Assignment { column: 0, value: binary(BinaryOp::Add, col(0), bigint(by), DataType::Bigint) }],
        predicate,
        transaction: None,
    };
    assert_eq!(execute(&engine, &shift(1, None)).unwrap().rows, 2);
    assert_eq!(query(&engine, scan(t), 2).unwrap(), ["3 25", "4 30"]);
    let onto = shift(1, Some(equal(col(0), bigint(3))));
    assert_eq!(code(execute(&engine, &onto)), Code::UniqueViolation);
    let clear = Command::Update {
        version: PLAN_VERSION,
        relation: t,
        assignments: vec![Assignment { column: 0, value: null() }],
        predicate: None,
        transaction: None,
    };
    assert_eq!(code(execute(&engine, &clear)), Code::NotNullViolation);
    let s = stream(&engine, "s");
    assert_eq!(code(delete(&engine, s, 1)), Code::WrongObjectType, "streams are append-only");
}

#[test]
fn a_view_equals_its_query_before_and_after_reopening() {
    let folder_path = tempfile::tempdir().unwrap();
    let (s, t);
    {
        let engine = folder(folder_path.path());
        (s, t) = (stream(&engine, "s"), table(&engine, "t"));
        insert(&engine, s, &[(1, 10), (2, 20)]).unwrap();
        insert(&engine, t, &[(1, 100), (2, 200)]).unwrap();
        // Made over history, and a view on a view.
        let joins = view(&engine, "joins", joined(s, t), JOINED, &[s, t]).unwrap();
        let totals = view(&engine, "totals", sums(joins), SUMS, &[joins]).unwrap();
        insert(&engine, s, &[(1, 11), (3, 30)]).unwrap();
        add(&engine, t, 1, 1).unwrap();
        delete(&engine, t, 2).unwrap();
        check(&engine, s, t, joins, totals);
        engine.close();
    }
    let engine = folder(folder_path.path());
    let (joins, totals) = (millrace_base::RelationId(t.0 + 1), millrace_base::RelationId(t.0 + 2));
    check(&engine, s, t, joins, totals);
    insert(&engine, s, &[(2, 22)]).unwrap();
    insert(&engine, t, &[(2, 201)]).unwrap();
    check(&engine, s, t, joins, totals);
    assert_eq!(engine.next_relation_id().0, totals.0 + 1);
}

fn check(
    engine: &Engine,
    s: millrace_base::RelationId,
    t: millrace_base::RelationId,
    joins: millrace_base::RelationId,
    totals: millrace_base::RelationId,
) {
    let all = Rel::Scan { relation: joins, columns: vec![0, 1, 2], as_of: None };
    assert_eq!(query(engine, all, 3).unwrap(), query(engine, joined(s, t), 3).unwrap());
    let all = Rel::Scan { relation: totals, columns: vec![0, 1, 2], as_of: None };
    assert_eq!(query(engine, all, 3).unwrap(), query(engine, sums(joins), 3).unwrap());
}

#[test]
fn a_view_that_fails_stops_alone() {
    let engine = memory();
    let s = stream(&engine, "s");
    let quotient = Rel::Project {
        input: Box::new(scan(s)),
        exprs: vec![col(0), binary(BinaryOp::Divide, col(0), col(1), DataType::Bigint)],
    };
    let types = &[DataType::Bigint; 2];
    let bad = view(&engine, "bad", quotient.clone(), types, &[s]).unwrap();
    let good = view(&engine, "good", scan(s), types, &[s]).unwrap();
    insert(&engine, s, &[(8, 2)]).unwrap();
    assert_eq!(query(&engine, scan(bad), 2).unwrap(), ["8 4"]);
    insert(&engine, s, &[(1, 0)]).unwrap();
    let error = query(&engine, scan(bad), 2).unwrap_err();
    assert_eq!(error.code, Code::DivisionByZero);
    assert!(error.message.contains("\"bad\" has failed"), "{}", error.message);
    assert_eq!(query(&engine, scan(good), 2).unwrap(), ["1 0", "8 2"]);
    assert_eq!(code(view(&engine, "again", quotient, types, &[s])), Code::DivisionByZero, "refused, not made broken");
    drop_object(&engine, bad).unwrap();
    assert_eq!(stats(&engine)["views"].as_array().unwrap().len(), 1);
    insert(&engine, s, &[(2, 2)]).unwrap();
    assert_eq!(query(&engine, scan(good), 2).unwrap().len(), 3);
}

#[test]
fn the_catalog_refuses_what_does_not_fit() {
    let engine = memory();
    let s = stream(&engine, "s");
    let v = view(&engine, "v", scan(s), &[DataType::Bigint; 2], &[s]).unwrap();
    assert_eq!(code(drop_object(&engine, s)), Code::DependentObjectsStillExist);
    assert_eq!(code(view(&engine, "v", scan(s), &[DataType::Bigint; 2], &[s])), Code::DuplicateTable);
    assert_eq!(code(view(&engine, "w", scan(s), &[DataType::Text; 2], &[s])), Code::ProtocolViolation);
    assert_eq!(code(view(&engine, "w", scan(s), &[DataType::Bigint; 2], &[])), Code::ProtocolViolation);
    let model = DefinitionKind::Model { onnx: vec![1, 2, 3], path: "m.onnx".into(), inputs: 0 };
    assert_eq!(code(create(&engine, "m", model, vec![])), Code::InvalidParameterValue);
    // Both at once is fine, in any order; and after it nothing is left.
    let both = vec![CatalogChange::Drop { id: s }, CatalogChange::Drop { id: v }];
    ddl(&engine, both).unwrap();
    assert_eq!(code(query(&engine, scan(s), 2)), Code::UndefinedTable);
    assert_eq!(code(insert(&engine, s, &[(1, 1)])), Code::UndefinedTable);
    assert_eq!(engine.catalog_bytes().unwrap(), encode(&Vec::<Definition>::new()).unwrap());
    assert!(stream(&engine, "s").0 > v.0, "ids are never used again");
}

#[test]
fn garbage_is_refused() {
    let engine = memory();
    for bytes in [vec![], vec![0xc1], b"not a plan".to_vec(), vec![0x91; 100_000]] {
        assert_eq!(code(wait(|reply| engine.execute(bytes.clone(), reply))), Code::ProtocolViolation);
        assert_eq!(code(wait(|reply| engine.query(bytes.clone(), 1, reply))), Code::ProtocolViolation);
        assert_eq!(
            code(wait(|reply| engine.append(bytes.clone(), vec![bytes.clone()], reply))),
            Code::ProtocolViolation
        );
        assert!(wait(|reply| engine.subscribe(bytes.clone(), reply)).is_err());
    }
    let wrong = Command::Query {
        version: PLAN_VERSION + 1,
        root: scan(millrace_base::RelationId(1)),
        names: vec![],
        transaction: None,
    };
    assert_eq!(code(wait(|reply| engine.query(encode(&wrong).unwrap(), 1, reply))), Code::ProtocolViolation);
    let odd = EngineOptions { durability: Some("sometimes".into()), ..EngineOptions::default() };
    assert_eq!(Engine::open(None, &odd).err().unwrap().code, Code::InvalidParameterValue);
}

#[test]
fn a_running_query_is_canceled() {
    let engine = memory();
    let numbers = || Rel::GenerateSeries { start: 1, stop: 1_000_000_000, step: 1 };
    let endless = Rel::Aggregate { input: Box::new(numbers()), group: vec![col(0)], aggregates: vec![] };
    let limited = Rel::Limit { input: Box::new(endless), limit: Some(1), offset: 0 };
    let (reply, answer) = millrace_runtime::Reply::channel();
    engine.query(encode(&query_command(limited.clone(), 1)).unwrap(), 7, reply);
    assert_eq!(
        code(wait(|reply| engine.query(encode(&query_command(limited, 1)).unwrap(), 7, reply))),
        Code::ProtocolViolation
    );
    std::thread::sleep(Duration::from_millis(50));
    engine.cancel(7);
    assert_eq!(code(answer.recv_timeout(Duration::from_secs(10)).unwrap()), Code::QueryCanceled);
    engine.cancel(7);
}

#[test]
fn a_closed_engine_refuses_and_a_dropped_one_holds_nobody_up() {
    let folder_path = tempfile::tempdir().unwrap();
    let engine = Arc::new(folder(folder_path.path()));
    let s = stream(&engine, "s");
    assert_eq!(
        Engine::open(Some(folder_path.path()), &EngineOptions::default()).err().unwrap().code,
        Code::ObjectInUse
    );
    let subscription = subscribe(&engine, scan(s), 2, false).unwrap();
    let (reply, waiting) = millrace_runtime::Reply::channel();
    subscription.next(reply);
    wait(|reply| engine.clone().close_async(reply)).unwrap();
    engine.close();
    assert!(matches!(waiting.recv().unwrap(), Ok(None)), "a waiting next ends");
    assert_eq!(code(insert(&engine, s, &[(1, 1)])), Code::AdminShutdown);
    assert_eq!(code(query(&engine, scan(s), 2)), Code::AdminShutdown);
    drop((engine, subscription));
    let began = Instant::now();
    drop(folder(folder_path.path()));
    assert!(began.elapsed() < Duration::from_secs(2));
}

#[test]
fn a_source_without_a_broker_says_so_and_closes_fast() {
    let engine = memory();
    let fields = [
        ("source_partition", DataType::Integer),
        ("source_offset", DataType::Bigint),
        ("source_timestamp", DataType::Timestamptz),
        ("key", DataType::Bytea),
        ("value", DataType::Bytea),
        ("reason", DataType::Text),
    ];
    let columns = fields.map(|(name, data_type)| column(name, data_type)).to_vec();
    let letters = DefinitionKind::Stream { columns, watermark: None, options: Default::default() };
    let dead_letters = create(&engine, "letters", letters, vec![]).unwrap();
    // Nobody listens on port 1.
    let kafka = KafkaSource {
        brokers: "127.0.0.1:1".into(),
        topic: "t".into(),
        startup: StartupMode::Earliest,
        dead_letters,
        properties: Default::default(),
    };
    let columns = vec![column("a", DataType::Bigint), column("b", DataType::Bigint)];
    let source = DefinitionKind::Source { columns, watermark: None, kafka: kafka.clone(), options: Default::default() };
    let id = create(&engine, "source", source, vec![dead_letters]).unwrap();
    let sink = KafkaSink { brokers: kafka.brokers.clone(), topic: "u".into(), properties: Default::default() };
    let t = table(&engine, "t");
    create(&engine, "sink", DefinitionKind::Sink { from: t, key: vec![0], kafka: sink }, vec![t]).unwrap();
    insert(&engine, t, &[(1, 1)]).unwrap();
    let deadline = Instant::now() + Duration::from_secs(20);
    let error = |kind: &str| stats(&engine)[kind][0]["error"].as_str().unwrap_or_default().to_string();
    while !(error("sources").contains("127.0.0.1:1") && error("sinks").contains("127.0.0.1:1")) {
        assert!(Instant::now() < deadline, "sources: {}, sinks: {}", error("sources"), error("sinks"));
        std::thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(code(insert(&engine, id, &[(1, 1)])), Code::WrongObjectType);
    assert_eq!(query(&engine, scan(id), 2).unwrap(), Vec::<String>::new());
    let wrong = KafkaSource { properties: [("no.such.setting".to_string(), "1".to_string())].into(), ..kafka };
    let columns = vec![column("a", DataType::Bigint)];
    let source = DefinitionKind::Source { columns, watermark: None, kafka: wrong, options: Default::default() };
    assert_eq!(code(create(&engine, "wrong", source, vec![dead_letters])), Code::InvalidParameterValue);
    let began = Instant::now();
    engine.close();
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
}
