//! What must not be computed: operands behind CASE, AND, OR and COALESCE for rows that do not need them, shared
//! subexpressions more than once, and anything at all over no rows.

use std::sync::Mutex;

use arrow_array::{Float64Array, Int32Array};
use millrace_base::{Code, RelationId};
use millrace_plan::BinaryOp::*;
use millrace_plan::{CaseBranch, DataType as T, Expr};

use super::*;
use crate::{Model, Models, Projection};

fn column(index: u32) -> Expr {
    Expr::Column { index }
}

fn ints(values: &[Option<i32>]) -> RecordBatch {
    batch(vec![Arc::new(Int32Array::from(values.to_vec()))], values.len())
}

fn shown_ints(array: &ArrayRef) -> Vec<Option<i32>> {
    array.as_primitive::<arrow_array::types::Int32Type>().iter().collect()
}

fn inverse() -> Expr {
    op(Divide, int(60), column(0), T::Integer)
}

fn case(branches: Vec<(Expr, Expr)>, otherwise: Option<Expr>, data_type: T) -> Expr {
    let branches = branches.into_iter().map(|(when, then)| CaseBranch { when, then }).collect();
    Expr::Case { branches, otherwise: otherwise.map(Box::new), data_type }
}

#[test]
fn case_computes_only_what_is_chosen() {
    let expr = case(
        vec![
            (op(Equal, column(0), int(0), T::Boolean), int(-1)),
            (op(Greater, inverse(), int(25), T::Boolean), inverse()),
        ],
        Some(op(Multiply, inverse(), int(100), T::Integer)),
        T::Integer,
    );
    let rows = ints(&[Some(0), Some(1), Some(2), Some(3), None, Some(0)]);
    let result = run(&expr, &[T::Integer], &rows).unwrap();
    assert_eq!(shown_ints(&result), [Some(-1), Some(60), Some(30), Some(2000), None, Some(-1)]);
    let without = case(vec![(op(Greater, column(0), int(0), T::Boolean), inverse())], None, T::Integer);
    let result = run(&without, &[T::Integer], &rows).unwrap();
    assert_eq!(shown_ints(&result), [None, Some(60), Some(30), Some(20), None, None]);
    for only in [ints(&[Some(0), Some(0)]), ints(&[Some(5), Some(6)])] {
        assert_eq!(run(&without, &[T::Integer], &only).unwrap().len(), 2);
    }
}

#[test]
fn and_and_or_stop_at_the_first_answer() {
    let rows = ints(&[Some(0), Some(1), Some(50), None]);
    let large = || op(Greater, inverse(), int(10), T::Boolean);
    let and = op(And, op(NotEqual, column(0), int(0), T::Boolean), large(), T::Boolean);
    let or = op(Or, op(Equal, column(0), int(0), T::Boolean), large(), T::Boolean);
    let bools = |e: &Expr| run(e, &[T::Integer], &rows).unwrap().as_boolean().iter().collect::<Vec<_>>();
    assert_eq!(bools(&and), [Some(false), Some(true), Some(false), None]);
    assert_eq!(bools(&or), [Some(true), Some(true), Some(false), None]);
    let wrong = op(And, large(), op(NotEqual, column(0), int(0), T::Boolean), T::Boolean);
    assert_eq!(run(&wrong, &[T::Integer], &rows).unwrap_err().code, Code::DivisionByZero);
    let predicate = Evaluator::compile(&and, &[T::Integer], &NoModels).unwrap();
    let kept: Vec<_> = predicate.select(&rows, 0).unwrap().iter().collect();
    assert_eq!(kept, [Some(false), Some(true), Some(false), Some(false)]);
}

#[test]
fn coalesce_computes_only_where_null() {
    let expr = Expr::Call {
        function: "coalesce".into(),
        args: vec![column(0), op(Divide, int(8), column(1), T::Integer), int(7)],
        data_type: T::Integer,
    };
    let a: ArrayRef = Arc::new(Int32Array::from(vec![Some(1), None, None]));
    let b: ArrayRef = Arc::new(Int32Array::from(vec![Some(0), Some(2), None]));
    let result = run(&expr, &[T::Integer, T::Integer], &batch(vec![a, b], 3)).unwrap();
    assert_eq!(shown_ints(&result), [Some(1), Some(4), Some(7)]);
}

#[test]
fn a_failing_constant_fails_only_over_rows() {
    let expr = op(Divide, int(1), int(0), T::Integer);
    assert_eq!(run(&expr, &[], &batch(vec![], 0)).unwrap().len(), 0);
    assert_eq!(run(&expr, &[], &batch(vec![], 1)).unwrap_err().code, Code::DivisionByZero);
    let guarded = case(vec![(boolean(Some(false)), expr)], Some(int(5)), T::Integer);
    check(guarded, "5");
}

/// Adds its features up and notes how many rows it saw each time.
struct Adder(Mutex<Vec<usize>>);

impl Model for Adder {
    fn inputs(&self) -> usize {
        2
    }

    fn predict(&self, features: &[Float64Array]) -> Result<Float64Array> {
        self.0.lock().unwrap().push(features[0].len());
        assert!(features.iter().all(|f| f.null_count() == 0));
        let (a, b) = (&features[0], &features[1]);
        Ok((0..a.len()).map(|i| a.value(i) + b.value(i)).collect::<Vec<_>>().into())
    }
}

struct OneModel(Arc<Adder>);

impl Models for OneModel {
    fn model(&self, id: RelationId) -> Option<Arc<dyn Model>> {
        (id == RelationId(9)).then(|| self.0.clone() as Arc<dyn Model>)
    }
}

#[test]
fn predict_scores_batches_and_shared_calls_once() {
    let models = OneModel(Arc::new(Adder(Mutex::default())));
    let score = Expr::Predict { model: RelationId(9), args: vec![column(0), double(0.5)] };
    let flagged = op(Greater, score.clone(), double(2.0), T::Boolean);
    let reason = case(vec![(flagged.clone(), text("high"))], Some(text("low")), T::Text);
    let projection = Projection::compile(&[score.clone(), flagged, reason], &[T::Double], &models).unwrap();
    let x: ArrayRef = Arc::new(Float64Array::from(vec![Some(1.0), None, Some(3.0)]));
    let columns = projection.evaluate(&batch(vec![x], 3), 0).unwrap();
    let scores: Vec<_> = columns[0].as_primitive::<arrow_array::types::Float64Type>().iter().collect();
    assert_eq!(scores, [Some(1.5), None, Some(3.5)]);
    let reasons: Vec<_> = columns[2].as_string::<i32>().iter().collect();
    assert_eq!(reasons, [Some("low"), Some("low"), Some("high")]);
    assert_eq!(*models.0.0.lock().unwrap(), [3], "the model ran once, over the whole batch");
    let unknown = Expr::Predict { model: RelationId(1), args: vec![] };
    let error = Evaluator::compile(&unknown, &[], &models).err().unwrap();
    assert_eq!(error.code, Code::UndefinedObject);
}

#[test]
fn shared_subexpressions_keep_their_guards() {
    // 60 / x stands only behind guards, twice: sharing it would divide by zero.
    let guarded = || case(vec![(op(NotEqual, column(0), int(0), T::Boolean), inverse())], None, T::Integer);
    let other = case(vec![(op(Less, int(0), column(0), T::Boolean), inverse())], Some(int(1)), T::Integer);
    let projection = Projection::compile(&[guarded(), other, guarded()], &[T::Integer], &NoModels).unwrap();
    let columns = projection.evaluate(&ints(&[Some(0), Some(3)]), 0).unwrap();
    assert_eq!(shown_ints(&columns[0]), [None, Some(20)]);
    assert_eq!(shown_ints(&columns[1]), [Some(1), Some(20)]);
    assert_eq!(shown_ints(&columns[2]), [None, Some(20)]);
}
