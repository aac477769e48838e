//! The model of the fraud example: same scores as ONNX Runtime gave (stored beside it by train.py), and the same bits
//! for a row wherever in whatever batch it stands.

use arrow_array::{Array, Float64Array};
use millrace_base::Code;
use millrace_model::{MODEL_BYTES_MAX, OnnxModel};

const FRAUD: &[u8] = include_bytes!("../../../../examples/fraud/model/fraud.onnx");
const VECTORS: &str = include_str!("../../../../examples/fraud/model/vectors.json");

fn vectors() -> (Vec<Vec<f64>>, Vec<f64>) {
    let rows: Vec<serde_json::Value> = serde_json::from_str(VECTORS).unwrap();
    let features = rows
        .iter()
        .map(|row| row["features"].as_array().unwrap().iter().map(|value| value.as_f64().unwrap()).collect())
        .collect();
    (features, rows.iter().map(|row| row["score"].as_f64().unwrap()).collect())
}

fn columns(rows: &[Vec<f64>], width: usize) -> Vec<Float64Array> {
    (0..width).map(|index| Float64Array::from_iter_values(rows.iter().map(|row| row[index]))).collect()
}

#[test]
fn scores_equal_onnx_runtime() {
    let model = OnnxModel::load(FRAUD).unwrap();
    let (rows, expected) = vectors();
    assert!(rows.len() >= 200 && model.inputs() == rows[0].len());
    let scores = model.predict(&columns(&rows, model.inputs())).unwrap();
    assert_eq!(scores.null_count(), 0);
    for (row, (score, expected)) in scores.values().iter().zip(&expected).enumerate() {
        assert!((score - expected).abs() <= 1e-5, "row {row}: {score} is not {expected}");
    }
    assert!(expected.iter().any(|score| *score > 0.9) && expected.iter().any(|score| *score < 0.1));
}

#[test]
fn a_row_scores_the_same_bits_in_every_batch() {
    let model = OnnxModel::load(FRAUD).unwrap();
    let (rows, _) = vectors();
    let width = model.inputs();
    let whole = model.predict(&columns(&rows, width)).unwrap();
    for size in [1, 2, 7, 64, 255, 256, 257, rows.len()] {
        for (start, batch) in (0..).step_by(size).zip(rows.chunks(size)) {
            let scores = model.predict(&columns(batch, width)).unwrap();
            for (index, score) in scores.values().iter().enumerate() {
                assert_eq!(score.to_bits(), whole.value(start + index).to_bits(), "batches of {size}");
            }
        }
    }
}

#[test]
fn a_null_feature_gives_a_null_score_and_touches_no_other_row() {
    let model = OnnxModel::load(FRAUD).unwrap();
    let (rows, _) = vectors();
    let mut features = columns(&rows[..3], model.inputs());
    let whole = model.predict(&features).unwrap();
    features[2] = Float64Array::from(vec![Some(rows[0][2]), None, Some(rows[2][2])]);
    let scores = model.predict(&features).unwrap();
    assert_eq!((scores.value(0), scores.value(2)), (whole.value(0), whole.value(2)));
    assert!(scores.is_null(1) && !scores.is_null(0) && !scores.is_null(2));
}

#[test]
fn slices_and_empty_batches_are_scored() {
    let model = OnnxModel::load(FRAUD).unwrap();
    let (rows, _) = vectors();
    let whole = columns(&rows, model.inputs());
    let sliced: Vec<_> = whole.iter().map(|column| column.slice(10, 5)).collect();
    assert_eq!(model.predict(&sliced).unwrap(), model.predict(&whole).unwrap().slice(10, 5));
    let empty: Vec<_> = whole.iter().map(|column| column.slice(0, 0)).collect();
    assert_eq!(model.predict(&empty).unwrap().len(), 0);
}

#[test]
fn threads_share_one_model() {
    let model = OnnxModel::load(FRAUD).unwrap();
    let (rows, _) = vectors();
    let features = columns(&rows, model.inputs());
    let expected = model.predict(&features).unwrap();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| (0..10).for_each(|_| assert_eq!(model.predict(&features).unwrap(), expected)));
        }
    });
}

#[test]
fn a_wrong_number_of_features_is_told() {
    let model = OnnxModel::load(FRAUD).unwrap();
    let error = model.predict(&[Float64Array::from(vec![1.0])]).unwrap_err();
    assert_eq!(error.code, Code::InvalidParameterValue);
    assert_eq!(error.message, format!("the model takes {} features, not 1", model.inputs()));
}

#[test]
fn bytes_that_are_no_model_are_refused() {
    for bytes in [&b""[..], b"hello, I am a text file\n", b"{\"a\": 1}", &FRAUD[..FRAUD.len() / 2], &[0u8; 64]] {
        let error = OnnxModel::load(bytes).unwrap_err();
        assert!(error.message.starts_with("not an ONNX model: "), "{}", error.message);
        assert_eq!(error.code, Code::InvalidParameterValue);
    }
    let error = OnnxModel::load(&vec![0; MODEL_BYTES_MAX + 1]).unwrap_err();
    assert_eq!(error.code, Code::InsufficientResources);
}

/// Flips bytes of the file, one at a time: every outcome but a panic or a hang is right.
#[test]
fn damage_is_an_error_or_another_model_but_never_a_panic() {
    for position in (0..FRAUD.len()).step_by(23) {
        for flip in [0x01, 0x80, 0xff] {
            let mut bytes = FRAUD.to_vec();
            bytes[position] ^= flip;
            if let Ok(model) = OnnxModel::load(&bytes) {
                let features = vec![Float64Array::from(vec![1.0, 2.0]); model.inputs()];
                assert_eq!(model.predict(&features).unwrap().len(), 2);
            }
        }
    }
}
