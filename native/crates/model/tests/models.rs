//! Models of other tools and shapes: what is taken gives ONNX Runtime's scores, what is not says why.
//! `models/make.py` made the files.

use arrow_array::Float64Array;
use millrace_base::Code;
use millrace_model::OnnxModel;

fn load(name: &str) -> millrace_base::Result<OnnxModel> {
    let path = format!("{}/tests/models/{name}.onnx", env!("CARGO_MANIFEST_DIR"));
    OnnxModel::load(&std::fs::read(path).unwrap())
}

fn check_scores(name: &str) {
    let path = format!("{}/tests/models/scores.json", env!("CARGO_MANIFEST_DIR"));
    let stored: serde_json::Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let numbers = |value: &serde_json::Value| -> Vec<f64> {
        value.as_array().unwrap().iter().map(|number| number.as_f64().unwrap()).collect()
    };
    let rows: Vec<Vec<f64>> = stored["rows"].as_array().unwrap().iter().map(numbers).collect();
    let model = load(name).unwrap();
    assert_eq!(model.inputs(), 3);
    let features: Vec<_> =
        (0..3).map(|index| Float64Array::from_iter_values(rows.iter().map(|row| row[index]))).collect();
    let scores = model.predict(&features).unwrap();
    for (score, expected) in scores.values().iter().zip(numbers(&stored[name])) {
        assert!((score - expected).abs() <= 1e-5, "{name}: {score} is not {expected}");
    }
}

#[test]
fn scikit_learn_logistic_regression_with_label_and_probabilities() {
    check_scores("logistic");
}

#[test]
fn random_forest() {
    check_scores("trees");
}

#[test]
fn models_that_do_not_fit_say_why() {
    let cases = [
        ("integers", "the model's input has elements of type I64, not 32-bit float"),
        ("three_dimensions", "the model's input has 3 dimensions, not two (rows and features)"),
        ("unknown_width", "the model does not state how many features it takes"),
        ("five_classes", "the model has no output with one probability or two class probabilities a row"),
        ("two_inputs", "the model has 2 inputs, not one matrix of rows and features"),
    ];
    for (name, message) in cases {
        let error = load(name).unwrap_err();
        assert_eq!((error.message.as_str(), error.code), (message, Code::InvalidParameterValue));
    }
    let error = load("unknown_operator").unwrap_err();
    assert_eq!((error.message.as_str(), error.code), ("the ONNX model cannot be compiled", Code::FeatureNotSupported));
    assert!(error.detail.is_some_and(|detail| detail.contains("Frobnicate")));
}
