//! Joins of every kind, with keys, without, and with a residual condition.

use millrace_plan::{BinaryOp, JoinKey, JoinKind, Rel};

use super::*;

const KINDS: [JoinKind; 6] =
    [JoinKind::Inner, JoinKind::Left, JoinKind::Right, JoinKind::Full, JoinKind::Semi, JoinKind::Anti];

fn naive(kind: JoinKind, left: &[Row], right: &[Row], width: usize, holds: impl Fn(&Row, &Row) -> bool) -> Vec<Row> {
    let mut out = Vec::new();
    let mut right_matched = vec![false; right.len()];
    for l in left {
        let mut matched = false;
        for (i, r) in right.iter().enumerate() {
            if holds(l, r) {
                (matched, right_matched[i]) = (true, true);
                if !matches!(kind, JoinKind::Semi | JoinKind::Anti) {
                    out.push(l.iter().chain(r).copied().collect());
                }
            }
        }
        match kind {
            JoinKind::Semi if matched => out.push(l.clone()),
            JoinKind::Anti if !matched => out.push(l.clone()),
            JoinKind::Left | JoinKind::Full if !matched => {
                out.push(l.iter().copied().chain(std::iter::repeat_n(None, width)).collect());
            }
            _ => {}
        }
    }
    if matches!(kind, JoinKind::Right | JoinKind::Full) {
        for (r, _) in right.iter().zip(&right_matched).filter(|(_, m)| !**m) {
            out.push(std::iter::repeat_n(None, width).chain(r.iter().copied()).collect());
        }
    }
    out
}

#[test]
fn every_kind_equals_nested_loops() {
    let mut random = random();
    for round in 0..60 {
        let (a, b) = (random.random_range(0..400), random.random_range(0..300));
        let range = [3, 30, 1000][round % 3];
        let (left, right) = (rows(&mut random, a, 3, range), rows(&mut random, b, 3, range));
        let tables = tables(&mut random, &[(&left, 3), (&right, 3)]);
        let key_count = random.random_range(0..=2usize);
        let with_residual = random.random_bool(0.5);
        let keys: Vec<JoinKey> = (0..key_count as u32)
            .map(|k| JoinKey { left: column(k), right: column(k), nulls_equal: random.random_bool(0.3) })
            .collect();
        let residual = with_residual.then(|| compare(BinaryOp::Less, column(2), column(5)));
        for kind in KINDS {
            let rel =
                Rel::Join { kind, left: scan(0, 3), right: scan(1, 3), keys: keys.clone(), residual: residual.clone() };
            let expected = naive(kind, &left, &right, 3, |l, r| {
                (0..key_count).all(|k| (l[k].is_some() || keys[k].nulls_equal) && l[k] == r[k])
                    && (!with_residual || matches!((l[2], r[2]), (Some(l), Some(r)) if l < r))
            });
            let found = run(&rel, &tables).unwrap();
            assert_eq!(sorted(found), sorted(expected), "{kind:?} with {key_count} keys, residual {with_residual}");
        }
    }
}

#[test]
fn many_matches_come_in_batches_of_the_usual_length() {
    let same: Vec<Row> = vec![vec![Some(1)]; 400];
    let tables = tables(&mut random(), &[(&same, 1), (&same, 1)]);
    let keys = vec![JoinKey { left: column(0), right: column(0), nulls_equal: false }];
    for keys in [keys, vec![]] {
        let rel = Rel::Join { kind: JoinKind::Inner, left: scan(0, 1), right: scan(1, 1), keys, residual: None };
        let cancel = AtomicBool::new(false);
        let workers = Workers::new(2);
        let memory = plenty();
        let context = ExecContext {
            now_us: 0,
            models: &NoModels,
            relations: &tables,
            cancel: &cancel,
            workers: &workers,
            memory: &memory,
        };
        let batches = execute(&rel, &tables, &context).unwrap();
        assert_eq!(batches.iter().map(RecordBatch::num_rows).sum::<usize>(), 160_000);
        assert!(batches.iter().all(|b| b.num_rows() <= millrace_base::limits::BATCH_ROWS));
    }
}
