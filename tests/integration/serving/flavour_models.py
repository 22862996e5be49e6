"""Run inside the environment of `flavours.lock`: models of other flavours than scikit-learn's, and plain ONNX files.

python flavour_models.py FOLDER
"""

import json
import sys
from typing import Any

import lightgbm
import mlflow.lightgbm
import mlflow.onnx
import mlflow.xgboost
import numpy as np
import onnx
import pandas as pd
import xgboost
from mlflow.models import infer_signature
from onnx import TensorProto, helper, numpy_helper
from skl2onnx import to_onnx
from sklearn.linear_model import LogisticRegression

HOW: dict[str, Any] = {"pip_requirements": []}


def main(folder: str) -> None:
    chance = np.random.default_rng(17)
    rows = pd.DataFrame(chance.normal(size=(400, 4)), columns=["a", "b", "c", "d"])
    truth = (rows["a"] + rows["b"] * rows["c"] > 0).astype(int)
    example, signature = rows.iloc[:5], infer_signature(rows.head(2), truth.head(2).to_numpy())
    described = {"signature": signature, "input_example": example, **HOW}
    boosted = xgboost.XGBClassifier(n_estimators=20, max_depth=3).fit(rows, truth)
    mlflow.xgboost.save_model(boosted, f"{folder}/xgboost", **described)
    mlflow.xgboost.save_model(boosted.get_booster(), f"{folder}/xgboost-booster", **described)
    for name, objective in (("several", "multi:softprob"), ("ranking", "rank:pairwise")):
        settings = {"objective": objective, "max_depth": 3, **({"num_class": 3} if name == "several" else {})}
        booster = xgboost.train(settings, xgboost.DMatrix(rows, truth), 10)
        outputs = booster.predict(xgboost.DMatrix(example))
        several = {"signature": infer_signature(rows.head(2), outputs), "input_example": example, **HOW}
        mlflow.xgboost.save_model(booster, f"{folder}/{name}-booster", **several)
    light = lightgbm.LGBMClassifier(n_estimators=20, verbose=-1).fit(rows, truth)
    mlflow.lightgbm.save_model(light, f"{folder}/lightgbm", serialization_format="cloudpickle", **described)
    mlflow.lightgbm.save_model(light.booster_, f"{folder}/lightgbm-booster", **described)
    linear = LogisticRegression().fit(rows.to_numpy(np.float32), truth)
    graph = to_onnx(linear, rows.to_numpy(np.float32)[:1], options={"zipmap": False})
    onnx.save(graph, f"{folder}/linear.onnx")
    labels = to_onnx(linear, rows.to_numpy(np.float32)[:1], options={"zipmap": False}, final_types=None)
    del labels.graph.output[1]
    mlflow.onnx.save_model(labels, f"{folder}/onnx", **described)
    onnx.save(named_columns(), f"{folder}/named.onnx")
    onnx.save(large(chance), f"{folder}/large.onnx", save_as_external_data=True, location="large.bin", size_threshold=0)
    expected = {
        "rows": example.to_numpy().tolist(),
        "linear": linear.predict(example.to_numpy(np.float32)).tolist(),
    }
    with open(f"{folder}/expected.json", "w", encoding="utf-8") as file:
        json.dump(expected, file)


def large(chance: Any) -> Any:
    """A matrix of 64 MB, whose weights lie in a file of their own."""
    weights = numpy_helper.from_array(chance.normal(size=(4096, 4096)).astype(np.float32), "weights")
    inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, [None, 4096])]
    outputs = [helper.make_tensor_value_info("y", TensorProto.FLOAT, [None, 4096])]
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "weights"], ["y"])], "large", inputs, outputs, [weights]
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def named_columns() -> Any:
    """total = amount * count; the text is handed back."""
    inputs = [
        helper.make_tensor_value_info("amount", TensorProto.DOUBLE, [None, 1]),
        helper.make_tensor_value_info("count", TensorProto.INT64, [None]),
        helper.make_tensor_value_info("name", TensorProto.STRING, [None, 1]),
    ]
    outputs = [
        helper.make_tensor_value_info("total", TensorProto.DOUBLE, [None, 1]),
        helper.make_tensor_value_info("said", TensorProto.STRING, [None, 1]),
    ]
    nodes = [
        helper.make_node("Cast", ["count"], ["whole"], to=TensorProto.DOUBLE),
        helper.make_node("Unsqueeze", ["whole", "axis"], ["standing"]),
        helper.make_node("Mul", ["amount", "standing"], ["total"]),
        helper.make_node("Identity", ["name"], ["said"]),
    ]
    axis = [helper.make_tensor("axis", TensorProto.INT64, [1], [1])]
    graph = helper.make_graph(nodes, "named", inputs, outputs, axis)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)


if __name__ == "__main__":
    main(sys.argv[1])
