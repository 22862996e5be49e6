"""Which model is served: a scoring script, an MLflow model without one, or a converted one.

They are modules of their own and only the one that is used is imported: `mlflow_model`
needs pandas and mlflow in the environment, `onnx_model` onnxruntime, `script` needs nothing.
"""

import importlib
from abc import ABC, abstractmethod
from typing import Any, Dict, List, Sequence

from pratique_serving.errors import ModelFailed
from pratique_serving.settings import Settings
from pratique_serving.wire import Request, Response


class Model(ABC):
    """Something that answers requests. It is called by one worker at a time, or by as many as there are workers."""

    most_together = 1
    """How many requests `answer_together` takes at most; 1 is none but one by one."""

    speaks_protocol = False
    """Whether it answers requests of the Open Inference Protocol too."""

    columns: Sequence[Any] = ()
    """The inputs of its signature, with `name` and `type`."""

    protocol_inputs: Sequence[Dict[str, Any]] = ()
    """In the words of the Open Inference Protocol, where `columns` do not say it; and the outputs."""

    protocol_outputs: Sequence[Dict[str, Any]] = ()

    @abstractmethod
    def answer(self, request: Request, request_id: str) -> Response:
        """Answer a GET, HEAD, OPTIONS or POST. Raises Refused; what the model raises becomes a 500 in here."""

    def answer_together(self, requests: Sequence[Request], request_ids: Sequence[str]) -> List[Response]:
        """Answer several requests, in their order, as `answer` would. Never raises."""
        raise NotImplementedError

    @abstractmethod
    def swagger(self, version: str) -> Dict[str, Any]:
        """The OpenAPI document of that version. Raises Refused (404) for a version there is none of."""


_NEEDS = {
    "mlflow_model": "an MLflow model needs mlflow-skinny (or mlflow) and pandas in its environment",
    "onnx_model": "an ONNX model needs onnxruntime and numpy in its environment",
}


def load_model(settings: Settings) -> Model:
    """Import the user's code and load the model; slow, and may raise anything at all, SystemExit included."""
    name = "script" if settings.entry_script else "onnx_model" if settings.onnx_model else "mlflow_model"
    try:
        module = importlib.import_module(f"pratique_serving.{name}")
    except ModuleNotFoundError as error:
        raise ModelFailed(f"{_NEEDS.get(name, name)}: {error}") from None
    model: Model = module.load(settings)
    return model
