"""What `azureml.ai.monitoring` offers to scoring scripts, with our spool behind it.

    inputs_collector = Collector(name="model_inputs")
    context = inputs_collector.collect(input_df)
    outputs_collector.collect(output_df, context)

`collect` takes a DataFrame; what goes wrong goes to `on_error`, or into the log.
Where the deployment collects nothing, neither does this.
"""

from typing import Any, Callable, Dict, List, Optional

from pratique_serving import log
from pratique_serving.identifiers import new_guid
from pratique_serving.routes import Collection

_collections: List[Collection] = []


def collect_into(collection: Optional[Collection]) -> None:
    """Where collectors of this process write; None is nowhere."""
    _collections[:] = [collection] if collection is not None else []


class CorrelationContext:
    """What belongs together: the inputs and outputs of one prediction."""

    def __init__(self, id: str = "", headers: Optional[Dict[str, str]] = None) -> None:  # noqa: A002 - Azure's name.
        self._id = id or new_guid()
        self._headers = dict(headers or {})

    def get_id(self) -> str:
        return self._id

    def get_headers(self) -> Dict[str, str]:
        return self._headers


class BasicCorrelationContext(CorrelationContext):
    """Azure's name for the usual one."""


class Collector:
    """Collects data frames under one name."""

    def __init__(self, *, name: str, on_error: Optional[Callable[[Exception], Any]] = None) -> None:
        if not name or not isinstance(name, str):
            raise ValueError("a Collector needs a name, for example model_inputs")
        self.name = name
        self._on_error = on_error

    def collect(self, data: Any, correlation_context: Optional[CorrelationContext] = None) -> CorrelationContext:
        """The context with which outputs are collected to the same prediction."""
        context = correlation_context or BasicCorrelationContext()
        try:
            if not hasattr(data, "to_dict"):
                raise TypeError(f"expected a pandas DataFrame, got {type(data).__name__}")
            for collection in _collections:
                collection.note_own(self.name, context.get_id(), data.to_dict(orient="records"))
        # A prediction must not fail because its inputs could not be noted.
        except Exception as error:  # noqa: BLE001
            if self._on_error is None:
                log.say(f"the collector {self.name} failed: {error}")
            else:
                self._on_error(error)
        return context
