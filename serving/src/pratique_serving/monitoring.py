"""What `azureml.ai.monitoring` offers to scoring scripts, with our spool behind it.

    inputs_collector = Collector(name="model_inputs")
    context = inputs_collector.collect(input_df)
    outputs_collector.collect(output_df, context)

`collect` takes a DataFrame. What goes wrong goes to `on_error`, and is raised
without one, as by the real package: a collection that the deployment does not
keep (already when the Collector is made), something else than a DataFrame, and
a frame for which there is no room. So a script does here what it does on Azure.
"""

import time
from typing import Any, Callable, Dict, List, Optional

from pratique_serving.identifiers import new_guid
from pratique_serving.routes import Collection

_collections: List[Collection] = []


def collect_into(collection: Optional[Collection]) -> None:
    """Where collectors of this process write; None is nowhere."""
    _collections[:] = [collection] if collection is not None else []


class CorrelationContext:
    """What belongs together: the inputs and outputs of one prediction."""

    def get_id(self) -> str:
        return ""

    def get_timestamp(self) -> int:
        return int(time.time())

    def get_headers(self) -> Dict[str, str]:
        return {}

    def __str__(self) -> str:
        return self.get_id()

    __repr__ = __str__


class BasicCorrelationContext(CorrelationContext):
    """With an id of one's own, or a new one."""

    def __init__(
        self,
        id: Optional[str] = None,  # noqa: A002 - Azure's name.
        timestamp: Optional[int] = None,
        headers: Optional[Dict[str, str]] = None,
    ) -> None:
        self.id = id or new_guid()
        self.timestamp = timestamp or int(time.time())
        self.headers = headers or {}

    def get_id(self) -> str:
        return self.id

    def get_timestamp(self) -> int:
        return self.timestamp

    def get_headers(self) -> Dict[str, str]:
        return self.headers


def get_context() -> CorrelationContext:
    """A new context."""
    return BasicCorrelationContext()


class Collector:
    """Collects data frames under one name."""

    def __init__(self, *, name: str, on_error: Optional[Callable[[Exception], Any]] = None) -> None:
        self.name = name
        self._on_error = on_error or _raise
        self._is_kept()

    def collect(self, data: Any, correlation_context: Optional[CorrelationContext] = None) -> CorrelationContext:
        """The context with which outputs are collected to the same prediction."""
        context = correlation_context or get_context()
        if not self._is_kept():
            return context
        try:
            rows = _rows(data)
            has_room = all(collection.note_own(self.name, context.get_id(), rows) for collection in _collections)
        # Whatever a frame may hold; what becomes of it is for the script to say.
        except Exception as error:  # noqa: BLE001
            self._on_error(error)
            return context
        if not has_room:
            self._on_error(Exception("message queue is full, drop the data"))
        return context

    def _is_kept(self) -> bool:
        """Whether the deployment keeps it; otherwise it is an error, in the words of the real package."""
        if not self.name:
            self._on_error(Exception("collection name is not provided"))
        elif not _collections:
            self._on_error(
                Exception("custom logging is not enabled, drop the data (the deployment has no data_collector)")
            )
        elif not all(collection.keeps(self.name) for collection in _collections):
            self._on_error(
                Exception(f"collection {self.name} is not enabled, drop the data (data_collector.collections)")
            )
        else:
            return True
        return False


def _raise(error: Exception) -> None:
    raise error


def _rows(data: Any) -> Any:
    """The rows of a DataFrame as values of JSON."""
    if not hasattr(data, "to_dict") or type(data).__name__ == "Series":
        kind = type(data).__name__
        raise TypeError(f"data type ({kind}) not supported, supported types: pandas.DataFrame")
    return [{str(name): _plain(value) for name, value in row.items()} for row in data.to_dict(orient="records")]


def _plain(value: Any) -> Any:
    """A value of JSON; times and whatever else is as its text."""
    if value is None or isinstance(value, (str, int, float, bool)):
        return value
    if hasattr(value, "tolist"):
        return _plain(value.tolist())
    if isinstance(value, dict):
        return {str(name): _plain(part) for name, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(part) for part in value]
    return None if type(value).__name__ in ("NAType", "NaTType") else str(value)
