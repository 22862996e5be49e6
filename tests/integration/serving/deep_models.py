"""Run inside an environment with PyTorch or TensorFlow: models of both, and what MLflow predicts with them.

python deep_models.py (torch|tensorflow) FOLDER
"""

import importlib
import json
import sys
from typing import Any

import mlflow.pyfunc
import numpy as np
import pandas as pd
from mlflow.models import ModelSignature, infer_signature
from mlflow.types import Schema, TensorSpec

ROWS = np.linspace(-1, 1, 12).reshape(3, 4).astype("float32")
FRAME = pd.DataFrame(ROWS, columns=["a", "b", "c", "d"])
IMAGES = np.linspace(0, 1, 2 * 8 * 8).reshape(2, 8, 8, 1).astype("float32")
HOW: dict[str, Any] = {"pip_requirements": []}


def main(library: str, folder: str) -> None:
    given: dict[str, Any] = {"tensor": ROWS, "image": IMAGES}
    if library == "torch":
        save_torch(folder)
        given["columns"] = FRAME
    else:
        save_tensorflow(folder)
        given["two"] = {"rows": ROWS, "ids": np.array([[1], [0], [2]], dtype="int32")}
    expected = {
        name: plain(mlflow.pyfunc.load_model(f"{folder}/{name}").predict(value)) for name, value in given.items()
    }
    with open(f"{folder}/expected.json", "w", encoding="utf-8") as file:
        json.dump(expected, file)


def save_torch(folder: str) -> None:
    """A network for rows, one for columns of a frame, and a convolution."""
    torch: Any = importlib.import_module("torch")
    save = importlib.import_module("mlflow.pytorch").save_model
    torch.manual_seed(17)
    rows = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.ReLU(), torch.nn.Linear(8, 2), torch.nn.Softmax(dim=1))
    one = torch.nn.Linear(4, 1)
    image = torch.nn.Sequential(torch.nn.Conv2d(8, 4, (3, 1)), torch.nn.Flatten(), torch.nn.Linear(4 * 6, 3))
    for model in (rows, one, image):
        model.eval()
    how = {"serialization_format": "pickle", **HOW}
    save(rows, f"{folder}/tensor", signature=infer_signature(ROWS, np.zeros((3, 2), "float32")), **how)
    save(one, f"{folder}/columns", signature=infer_signature(FRAME, np.zeros((3, 1), "float32")), **how)
    save(image, f"{folder}/image", signature=infer_signature(IMAGES, np.zeros((2, 3), "float32")), **how)


def save_tensorflow(folder: str) -> None:
    """The same of Keras, whose flavour takes no columns, and a model of two named inputs."""
    keras: Any = importlib.import_module("tensorflow").keras
    save = importlib.import_module("mlflow.tensorflow").save_model
    keras.utils.set_random_seed(17)
    layers = keras.layers
    rows = keras.Sequential([layers.Input((4,)), layers.Dense(8, "relu"), layers.Dense(2, "softmax")])
    image = keras.Sequential([layers.Input((8, 8, 1)), layers.Conv2D(4, 3), layers.Flatten(), layers.Dense(3)])
    first, second = layers.Input((4,), name="rows"), layers.Input((1,), dtype="int32", name="ids")
    known = layers.Flatten()(layers.Embedding(3, 2)(second))
    two = keras.Model({"rows": first, "ids": second}, layers.Dense(1)(layers.Concatenate()([first, known])))
    save(rows, f"{folder}/tensor", signature=infer_signature(ROWS, rows.predict(ROWS, verbose=0)), **HOW)
    save(image, f"{folder}/image", signature=infer_signature(IMAGES, np.zeros((2, 3), "float32")), **HOW)
    named = Schema([TensorSpec(np.dtype("float32"), (-1, 4), "rows"), TensorSpec(np.dtype("int32"), (-1, 1), "ids")])
    save(two, f"{folder}/two", signature=ModelSignature(inputs=named), **HOW)


def plain(found: Any) -> Any:
    return found.to_dict("records") if hasattr(found, "to_dict") else np.asarray(found).tolist()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
