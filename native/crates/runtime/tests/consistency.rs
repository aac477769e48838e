//! Random work against a model: at every moment a view equals its query, nothing acknowledged is lost by a reopening,
//! and readers beside writers see one epoch.

mod support;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use millrace_plan::*;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use support::*;

fn seed() -> u64 {
    let seed = std::env::var("SEED").ok().and_then(|s| s.parse().ok()).unwrap_or_else(rand::random);
    eprintln!("SEED={seed}");
    seed
}

#[test]
fn random_statements_match_the_model() {
    let mut random = StdRng::seed_from_u64(seed());
    let folder_path = tempfile::tempdir().unwrap();
    let mut engine = folder(folder_path.path());
    let (s, t) = (stream(&engine, "s"), table(&engine, "t"));
    let totals = view(&engine, "totals", sums(s), SUMS, &[s]).unwrap();
    let joins = view(&engine, "joins", joined(s, t), JOINED, &[s, t]).unwrap();
    let mut model: BTreeMap<i64, i64> = BTreeMap::new();
    let mut streamed: Vec<String> = Vec::new();
    for round in 0..120 {
        let key = random.random_range(0..12);
        match random.random_range(0..6) {
            0 | 1 => {
                let rows: Vec<(i64, i64)> = (0..random.random_range(1..20))
                    .map(|_| (random.random_range(0..12), random.random_range(-9..9)))
                    .collect();
                insert(&engine, s, &rows).unwrap();
                streamed.extend(rows.iter().map(|(a, b)| format!("{a} {b}")));
            }
            2 => {
                let inserted = insert(&engine, t, &[(key, round)]).is_ok();
                assert_eq!(inserted, !model.contains_key(&key));
                model.entry(key).or_insert(round);
            }
            3 => {
                let replace = insert_command(t, &[(Some(key), round)], ConflictAction::Replace);
                execute(&engine, &replace).unwrap();
                model.insert(key, round);
            }
            4 => {
                let rows = add(&engine, t, key, 3).unwrap().rows;
                assert_eq!(rows, u64::from(model.contains_key(&key)));
                model.entry(key).and_modify(|b| *b += 3);
            }
            _ => {
                let rows = delete(&engine, t, key).unwrap().rows;
                assert_eq!(rows, u64::from(model.remove(&key).is_some()));
            }
        }
        let mut wanted: Vec<String> = model.iter().map(|(a, b)| format!("{a} {b}")).collect();
        wanted.sort();
        assert_eq!(query(&engine, scan(t), 2).unwrap(), wanted);
        let all = |relation| Rel::Scan { relation, columns: vec![0, 1, 2], as_of: None };
        assert_eq!(query(&engine, all(totals), 3).unwrap(), query(&engine, sums(s), 3).unwrap());
        assert_eq!(query(&engine, all(joins), 3).unwrap(), query(&engine, joined(s, t), 3).unwrap());
        if random.random_range(0..20) == 0 {
            // Without close now and then: what was acknowledged is on disk all the same.
            if random.random() {
                engine.close();
            }
            drop(engine);
            engine = reopen(folder_path.path());
        }
    }
    streamed.sort();
    assert_eq!(query(&engine, scan(s), 2).unwrap(), streamed);
}

/// An engine that was dropped without close lets its lock go when its threads have ended.
fn reopen(path: &std::path::Path) -> millrace_runtime::Engine {
    for _ in 0..2000 {
        match millrace_runtime::Engine::open(Some(path), &Default::default()) {
            Ok(engine) => return engine,
            Err(error) if error.code == millrace_base::Code::ObjectInUse => {
                std::thread::sleep(std::time::Duration::from_millis(5));
            }
            Err(error) => panic!("{error}"),
        }
    }
    panic!("the lock was not released");
}

/// Transfers keep the sum; every read, of the table and of a view on it, must see it whole.
#[test]
fn readers_see_whole_commits() {
    let engine = Arc::new(memory());
    let t = table(&engine, "t");
    let accounts = 8;
    insert(&engine, t, &(0..accounts).map(|a| (a, 100)).collect::<Vec<_>>()).unwrap();
    let total = |relation| Rel::Aggregate {
        input: Box::new(scan(relation)),
        group: vec![],
        aggregates: vec![AggregateCall {
            function: AggregateFunction::Sum,
            arg: Some(col(1)),
            distinct: false,
            filter: None,
            data_type: SUM,
            order: Vec::new(),
        }],
    };
    let sum = view(&engine, "sum", total(t), &[SUM], &[t]).unwrap();
    let done = Arc::new(AtomicBool::new(false));
    let writer = {
        let (engine, done) = (engine.clone(), done.clone());
        let mut random = StdRng::seed_from_u64(seed());
        std::thread::spawn(move || {
            for _ in 0..300 {
                let (from, to, amount) =
                    (random.random_range(0..8), random.random_range(0..8), random.random_range(1..50));
                transfer(&engine, t, from, to, amount);
            }
            done.store(true, Ordering::Release);
        })
    };
    while !done.load(Ordering::Acquire) {
        let both = Rel::UnionAll { inputs: vec![total(t), Rel::Scan { relation: sum, columns: vec![0], as_of: None }] };
        assert_eq!(query(&engine, both, 1).unwrap(), ["800", "800"]);
    }
    writer.join().unwrap();
    engine.close();
}

/// One statement, so one commit: b = b - amount for `from`, b + amount for `to`.
fn transfer(engine: &millrace_runtime::Engine, t: millrace_base::RelationId, from: i64, to: i64, amount: i64) {
    let moved = |by| binary(BinaryOp::Add, col(1), bigint(by), DataType::Bigint);
    let value = Expr::Case {
        branches: vec![
            CaseBranch { when: equal(bigint(from), bigint(to)), then: col(1) },
            CaseBranch { when: equal(col(0), bigint(from)), then: moved(-amount) },
            CaseBranch { when: equal(col(0), bigint(to)), then: moved(amount) },
        ],
        otherwise: Some(Box::new(col(1))),
        data_type: DataType::Bigint,
    };
    let assignments = vec![Assignment { column: 1, value }];
    execute(
        engine,
        &Command::Update { version: PLAN_VERSION, relation: t, assignments, predicate: None, transaction: None },
    )
    .unwrap();
}
