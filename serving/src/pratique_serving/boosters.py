"""Boosters of xgboost and lightgbm without the class of scikit-learn around them, as their own `train` makes them.

The converters know the classes only. So a Booster is laid into the class that
its objective asks for; what it answers is then chosen from the class's outputs:

    a measure           the measure
    one of two classes  the probability of the second
    one of several      the probabilities of all
"""

import json
from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper

from pratique_serving.graph import Unsupported

_MEASURES_OF_LIGHTGBM = frozenset({"regression", "regression_l1", "huber", "quantile", "poisson", "gamma", "tweedie"})


def is_bare(model: Any) -> bool:
    """Whether it is a Booster itself."""
    return type(model).__name__ == "Booster" and type(model).__module__.startswith(("xgboost", "lightgbm"))


class Bare:
    """Predicts frames as the Booster does. Raises Unsupported for an objective whose answers nobody knows here."""

    def __init__(self, booster: Any) -> None:
        self._booster = booster
        is_xgboost = type(booster).__module__.startswith("xgboost")
        self.estimator, self._classes = (_of_xgboost if is_xgboost else _of_lightgbm)(booster)
        self._predict = _with_matrix(booster) if is_xgboost else booster.predict

    def predict(self, frame: Any) -> Any:
        """What MLflow answers with it."""
        return self._predict(frame)

    def choose(self, made: onnx.ModelProto) -> None:
        """Let the converted class answer as the Booster."""
        if self._classes < 2:
            return
        graph = made.graph
        chances = graph.output[1]
        if self._classes == 2:
            graph.initializer.append(numpy_helper.from_array(np.array([1], np.int64), "second_class"))
            graph.node.append(helper.make_node("Gather", [chances.name, "second_class"], ["chance"], axis=1))
            chances.name = "chance"
            chances.type.tensor_type.shape.dim[1].dim_value = 1
        del graph.output[0]


def kind_of_xgboost(booster: Any) -> str:
    """Of what it adds up: gbtree, dart or gblinear."""
    return str(json.loads(booster.save_config())["learner"]["gradient_booster"]["name"])


def _with_matrix(booster: Any) -> Any:
    from xgboost import DMatrix  # noqa: PLC0415

    return lambda frame: booster.predict(DMatrix(frame))


def _of_xgboost(booster: Any) -> Any:
    """The class with this Booster, and how many classes it decides between; 0 for a measure."""
    from xgboost import XGBClassifier, XGBRegressor  # noqa: PLC0415

    objective = json.loads(booster.save_config())["learner"]["objective"]["name"]
    is_measure = objective.startswith(("reg:", "count:")) and objective != "reg:logistic"
    if not is_measure and objective not in ("binary:logistic", "multi:softprob"):
        raise Unsupported(f"a Booster of xgboost with the objective {objective} is not converted")
    made = XGBRegressor() if is_measure else XGBClassifier()
    made.load_model(bytearray(booster.save_raw()))
    return made, 0 if is_measure else int(made.n_classes_)


def _of_lightgbm(booster: Any) -> Any:
    """The same."""
    from lightgbm import LGBMClassifier, LGBMRegressor  # noqa: PLC0415

    described = booster.dump_model(num_iteration=1)
    objective = str(described.get("objective", "its own")).split(" ")[0]
    decides = objective in ("binary", "multiclass")
    if not decides and objective not in _MEASURES_OF_LIGHTGBM:
        raise Unsupported(f"a Booster of lightgbm with the objective {objective} is not converted")
    made: Any = LGBMClassifier() if decides else LGBMRegressor()
    classes = max(2, int(described["num_class"])) if decides else 0
    made._Booster, made.fitted_, made._n_features = booster, True, booster.num_feature()
    made._n_classes, made._classes = classes, np.arange(classes)
    return made, classes
