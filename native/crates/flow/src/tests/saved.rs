//! What a checkpoint holds of a view: bytes that are not whole, or of another query, are an error and nothing else.

use millrace_base::{Code, Epoch, RelationId};
use millrace_plan::*;
use rand::{SeedableRng, rngs::StdRng};

use super::queries::*;
use super::*;

const VIEW: RelationId = RelationId(100);

fn filled(query: &Rel) -> Graph {
    let mut rng = StdRng::seed_from_u64(7);
    let mut world = World::default();
    (0..5).for_each(|_| drop(world.change(&mut rng)));
    let mut graph = Graph::new();
    graph.add_view(VIEW, query, &ENV).unwrap();
    graph.backfill(VIEW, Epoch(1), 0, world.all()).unwrap();
    graph
}

fn loaded(query: &Rel, saved: SavedView) -> millrace_base::Result<Graph> {
    let mut graph = Graph::new();
    graph.add_view(VIEW, query, &ENV).unwrap();
    graph.load_view(VIEW, Epoch(1), saved).map(|()| graph)
}

fn queries() -> Vec<Rel> {
    let keys = vec![ascending(1), ascending(0)];
    vec![
        group(scan(TABLES[0]), &[0]),
        group(scan(STREAM), &[]),
        join(JoinKind::Full, scan(TABLES[0]), scan(TABLES[1]), true),
        join(JoinKind::Semi, scan(STREAM), scan(TABLES[1]), false),
        window(scan(TABLES[0]), &[0], vec![ascending(4)], short_calls()),
        Rel::Sort { input: scan(TABLES[0]).into(), keys, limit: Some(3), offset: 1 },
        group(join(JoinKind::Left, scan(STREAM), group(scan(TABLES[1]), &[0]), false), &[3]),
    ]
}

#[test]
fn a_view_comes_back_with_its_epoch_and_rows() {
    for query in queries() {
        let mut graph = filled(&query);
        let saved = graph.save_view(VIEW).unwrap().unwrap().encode().unwrap();
        let mut again = loaded(&query, SavedView::decode(&saved).unwrap()).unwrap();
        assert_eq!(contents(&again.view(VIEW).unwrap()), contents(&graph.view(VIEW).unwrap()));
        let twice = again.save_view(VIEW).unwrap().unwrap().encode().unwrap();
        let third = loaded(&query, SavedView::decode(&twice).unwrap()).unwrap();
        assert_eq!(contents(&third.view(VIEW).unwrap()), contents(&graph.view(VIEW).unwrap()));
    }
}

#[test]
fn a_view_that_has_not_run_or_has_failed_is_not_saved() {
    let mut graph = Graph::new();
    graph.add_view(VIEW, &queries()[0], &ENV).unwrap();
    assert!(graph.save_view(VIEW).unwrap().is_none());
    assert!(graph.save_view(RelationId(7)).unwrap().is_none());
}

#[test]
fn bytes_that_end_too_soon_are_refused() {
    let query = join(JoinKind::Full, scan(TABLES[0]), scan(TABLES[1]), true);
    let saved = filled(&query).save_view(VIEW).unwrap().unwrap().encode().unwrap();
    for len in 0..saved.len() {
        // An end may fall between a stream's last batch and its end mark only if nothing after it is missing.
        assert_eq!(SavedView::decode(&saved[..len]).unwrap_err().code, Code::DataCorrupted, "{len}");
    }
    let more = [&saved[..], &[0]].concat();
    assert_eq!(SavedView::decode(&more).unwrap_err().code, Code::DataCorrupted);
}

/// The plan's fingerprint keeps these apart; a mistake there must not become a panic or a wrong view.
#[test]
fn the_state_of_another_query_is_refused() {
    let all = queries();
    for (a, from) in all.iter().enumerate() {
        for (b, to) in all.iter().enumerate().filter(|(b, _)| *b != a) {
            let saved = filled(from).save_view(VIEW).unwrap().unwrap();
            assert_eq!(loaded(to, saved).err().map(|e| e.code), Some(Code::DataCorrupted), "{a} as {b}");
        }
    }
}
