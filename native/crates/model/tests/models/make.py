"""Makes the small models of this folder: what users export, and what has to be refused.

Needs numpy, scikit-learn, skl2onnx, onnx and onnxruntime. Rows and scores of ONNX Runtime go to scores.json.
"""

import json
import pathlib

import numpy
import onnxruntime
from onnx import TensorProto, helper
from skl2onnx import to_onnx
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression

HERE = pathlib.Path(__file__).parent
random = numpy.random.default_rng(1)
x = random.normal(size=(500, 3)).astype(numpy.float32)
y = (x[:, 0] + x[:, 1] * x[:, 2] > 0.3).astype(int)
scores = {"rows": x[:20].tolist()}
for name, classifier in {
    "logistic": LogisticRegression(),
    "trees": RandomForestClassifier(n_estimators=5, max_depth=3, random_state=1),
}.items():
    model = to_onnx(classifier.fit(x, y), x[:1], options={"zipmap": False}, target_opset=13)
    (HERE / f"{name}.onnx").write_bytes(model.SerializeToString())
    session = onnxruntime.InferenceSession(model.SerializeToString())
    scores[name] = session.run(None, {"X": x[:20]})[1][:, 1].tolist()
(HERE / "scores.json").write_text(json.dumps(scores) + "\n")


def identity(name, inputs, outputs, nodes):
    graph = helper.make_graph(
        nodes,
        name,
        [helper.make_tensor_value_info(*given) for given in inputs],
        [helper.make_tensor_value_info(*given) for given in outputs],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)])
    model.ir_version = 8
    (HERE / f"{name}.onnx").write_bytes(model.SerializeToString())


FLOAT, INT64 = TensorProto.FLOAT, TensorProto.INT64
sigmoid = [helper.make_node("Sigmoid", ["x"], ["y"])]
identity("integers", [("x", INT64, ["n", 1])], [("y", INT64, ["n", 1])], [helper.make_node("Abs", ["x"], ["y"])])
identity("three_dimensions", [("x", FLOAT, ["n", 2, 2])], [("y", FLOAT, ["n", 2, 2])], sigmoid)
identity("unknown_width", [("x", FLOAT, ["n", "m"])], [("y", FLOAT, ["n", "m"])], sigmoid)
identity("five_classes", [("x", FLOAT, ["n", 5])], [("y", FLOAT, ["n", 5])], sigmoid)
identity(
    "two_inputs",
    [("x", FLOAT, ["n", 1]), ("z", FLOAT, ["n", 1])],
    [("y", FLOAT, ["n", 1])],
    [helper.make_node("Add", ["x", "z"], ["y"])],
)
identity("unknown_operator", [("x", FLOAT, ["n", 1])], [("y", FLOAT, ["n", 1])], [helper.make_node("Frobnicate", ["x"], ["y"])])
