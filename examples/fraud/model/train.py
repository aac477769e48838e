"""Trains the fraud classifier and writes it as ONNX, with vectors that pin its scores.

A small neural network: features are squashed by sign(x) * log(1 + |x|) and standardised inside the graph, so that SQL
passes plain numbers. The graph uses plain operators only (no ai.onnx.ml), which every runtime evaluates fast in batches.

    node dist/examples/fraud/model/export.js train.f32 1000000 2024
    node dist/examples/fraud/model/export.js test.f32 500000 4048
    python train.py train.f32 test.f32

The held-out swipes come from another seed: other holders, other cards, other frauds.

Needs numpy, scikit-learn, onnx and onnxruntime.
"""

import json
import pathlib
import sys

import numpy
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper
from sklearn.metrics import average_precision_score, roc_auc_score
from sklearn.neural_network import MLPClassifier

FEATURES = 14
SEED = 20_26
HERE = pathlib.Path(__file__).parent
VECTORS = 400


def squash(features):
    return numpy.sign(features) * numpy.log1p(numpy.abs(features))


def train(features, labels):
    squashed = squash(features)
    mean, deviation = squashed.mean(axis=0), squashed.std(axis=0)
    network = MLPClassifier(
        hidden_layer_sizes=(24, 12),
        activation="relu",
        batch_size=2048,
        learning_rate_init=3e-3,
        alpha=1e-5,
        max_iter=25,
        n_iter_no_change=25,
        random_state=SEED,
    )
    network.fit((squashed - mean) / deviation, labels)
    return network, mean, deviation


def to_onnx(network, mean, deviation):
    """The network as a graph of Sign, Abs, Log, Gemm, Relu and Sigmoid; the standardisation is folded into layer one."""
    weights = [matrix.astype(numpy.float64) for matrix in network.coefs_]
    biases = [vector.astype(numpy.float64) for vector in network.intercepts_]
    biases[0] = biases[0] - (mean / deviation) @ weights[0]
    weights[0] = weights[0] / deviation[:, None]
    constants = {"one": numpy.array([1], dtype=numpy.float32)}
    nodes = [
        helper.make_node("Sign", ["features"], ["sign"]),
        helper.make_node("Abs", ["features"], ["magnitude"]),
        helper.make_node("Add", ["magnitude", "one"], ["shifted"]),
        helper.make_node("Log", ["shifted"], ["logarithm"]),
        helper.make_node("Mul", ["sign", "logarithm"], ["squashed"]),
    ]
    current = "squashed"
    for layer, (matrix, bias) in enumerate(zip(weights, biases)):
        constants[f"weight{layer}"] = matrix.astype(numpy.float32)
        constants[f"bias{layer}"] = bias.astype(numpy.float32)
        nodes.append(helper.make_node("Gemm", [current, f"weight{layer}", f"bias{layer}"], [f"sum{layer}"]))
        last = layer == len(weights) - 1
        current = "probability" if last else f"active{layer}"
        nodes.append(helper.make_node("Sigmoid" if last else "Relu", [f"sum{layer}"], [current]))
    graph = helper.make_graph(
        nodes,
        "fraud",
        [helper.make_tensor_value_info("features", TensorProto.FLOAT, ["rows", FEATURES])],
        [helper.make_tensor_value_info("probability", TensorProto.FLOAT, ["rows", 1])],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], producer_name="millrace-fraud")
    model.ir_version = 8
    onnx.checker.check_model(model)
    return model.SerializeToString()


def write_vectors(session, features, labels):
    """Rows with the scores of ONNX Runtime, half of them fraud, for the tests of other runtimes."""
    random = numpy.random.default_rng(SEED)
    fraud = random.choice(numpy.flatnonzero(labels == 1), VECTORS // 2, replace=False)
    honest = random.choice(numpy.flatnonzero(labels == 0), VECTORS // 2, replace=False)
    chosen = features[numpy.concatenate([fraud, honest])].astype(numpy.float32)
    scores = session.run(None, {"features": chosen})[0][:, 0]
    vectors = [
        {"features": [float(value) for value in row], "score": float(score)} for row, score in zip(chosen, scores)
    ]
    lines = ",\n".join(json.dumps(vector) for vector in vectors)
    (HERE / "vectors.json").write_text(f"[\n{lines}\n]\n")


def load(path):
    rows = numpy.fromfile(path, dtype=numpy.float32).reshape(-1, FEATURES + 1)
    return rows[:, :FEATURES].astype(numpy.float64), rows[:, FEATURES].astype(int)


def main(train_path, test_path):
    train_x, train_y = load(train_path)
    test_x, test_y = load(test_path)
    network, mean, deviation = train(train_x, train_y)
    data = to_onnx(network, mean, deviation)
    (HERE / "fraud.onnx").write_bytes(data)
    session = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])
    scores = session.run(None, {"features": test_x.astype(numpy.float32)})[0][:, 0]
    flagged = scores >= 0.9
    print(f"{len(train_y)} rows to train, {len(test_y)} held out, {test_y.mean():.4%} of them fraud")
    print(f"ROC AUC on held-out rows    {roc_auc_score(test_y, scores):.4f}")
    print(f"average precision           {average_precision_score(test_y, scores):.4f}")
    print(f"at a score of 0.9: recall   {flagged[test_y == 1].mean():.3f}, precision {test_y[flagged].mean():.3f}")
    print(f"{len(data)} bytes of ONNX")
    write_vectors(session, test_x, test_y)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
