"""What the environment says, read once.

| variable | meaning | default |
|---|---|---|
| `AZUREML_ENTRY_SCRIPT` | the scoring script, within `AML_APP_ROOT` | |
| `AML_APP_ROOT` | the folder of the user's code | the working folder |
| `AZUREML_SOURCE_DIRECTORY` | one more folder for imports, within `AML_APP_ROOT` | |
| `PRATIQUE_MLFLOW_MODEL` | folder of an MLflow model that is served without a script | |
| `PRATIQUE_ONNX_MODEL` | file of a converted model, which then answers in the place of the MLflow model | |
| `AZUREML_MODEL_DIR` | not read here; the script reads it | |
| `PRATIQUE_GRPC` | `unix:/PATH` or `127.0.0.1:PORT`: the Open Inference Protocol over gRPC as well; needs `grpcio` | |
| `WORKER_COUNT` | how many calls of the model run at the same time | 1 |
| `PRATIQUE_MEMORY_BYTES` | bound of the memory of the process (its data, as the kernel counts); 0 is none | 0 |
| `SCORING_TIMEOUT_MS` | a longer call is interrupted (one worker only, and no ONNX); 0 is never | 0 |
| `PRATIQUE_LONGEST_CALL_MS` | a call that has not ended by then ends the process (exit code 72); 0 is never | 0 |
| `PRATIQUE_REQUEST_TIMEOUT_MS` | a request that has waited longer for the model gets 408; 0 is never | 0 |
| `PRATIQUE_MAX_WAITING` | when so many requests wait for the model, further ones get 429; 0 is without a limit | 0 |
| `PRATIQUE_BATCHING` | `false`: never compute requests together, whatever the input example shows | true |
| `PRATIQUE_SHARE_WEIGHTS` | `true`: processes share the weights of an ONNX model that lie in a file beside it | false |
| `PRATIQUE_MAX_BODY_BYTES` | larger requests get 413 | 104857600 |
| `PRATIQUE_READ_TIMEOUT_SECONDS` | how long a client may pause within a request | 30 |
| `PRATIQUE_READY_TIMEOUT_SECONDS` | how long a request waits for `init()` | 60 |
| `PRATIQUE_LOG_FORMAT` | `json`: every line of ours is an object; else `text` | text |
| `PRATIQUE_DEPLOYMENT` | a label of the metrics, and in what is collected | empty |
| `PRATIQUE_MODEL` | the same; what stands before `:` is the name in `/v2/models/` | `model` |
| `PRATIQUE_COLLECT` | folder into which predictions are collected; nothing is collected without it | |
| `PRATIQUE_COLLECT_ONLY` | names of collections, with commas between them; all when empty | |
| `PRATIQUE_COLLECT_SECONDS` | after so long a file of the collection is complete | 60 |
| `PRATIQUE_COLLECT_SAMPLING` | the share of requests that is collected | 1.0 |
| `PRATIQUE_COLLECT_REDACT` | names of columns, with commas between them, whose values are not collected | |
| `PRATIQUE_COLLECT_HEADERS` | names of headers of requests, with commas between them, that are collected as well | |
| `AML_CORS_ORIGINS` | origins whose pages browsers let call the model, with commas between them (see `cors`) | |
| `AZUREML_CONFIG_FILE` | a JSON file of settings beside those here; else `config.json` (see `config_file`) | |
| `WORKER_TIMEOUT` | the same as `PRATIQUE_LONGEST_CALL_MS`, in seconds, where that is not set | |
| `SERVICE_NAME` | shown in `/swagger.json` | `AZUREML_SERVICE_NAME`, else `ML service` |
| `SERVICE_VERSION`, `SERVICE_PATH_PREFIX` | the same | `1.0`, empty |
| `SERVER_VERSION_LOG_RESPONSE_ENABLED` | `false` leaves `x-ms-server-version` out | true |
"""

import os
from typing import FrozenSet, List, Mapping, NamedTuple, Optional, Tuple, TypeVar

from pratique_serving.config_file import with_config_file
from pratique_serving.cors import Cors
from pratique_serving.errors import Usage

Value = TypeVar("Value")

_TRUE = frozenset({"true", "1", "yes", "y", "on", "t"})
_FALSE = frozenset({"false", "0", "no", "n", "off", "f"})


class Settings(NamedTuple):
    """The values of the table above; durations in seconds unless the name says otherwise."""

    app_root: str
    entry_script: str
    source_directory: str
    mlflow_model: str
    onnx_model: str
    grpc: str
    cors: Optional[Cors]
    worker_count: int
    memory_bytes: int
    scoring_timeout_ms: int
    longest_call_ms: int
    request_timeout_ms: int
    max_waiting: int
    batches: bool
    shares_weights: bool
    max_body_bytes: int
    read_timeout: float
    ready_timeout: float
    service_name: str
    service_version: str
    service_path_prefix: str
    shows_version: bool
    log_format: str
    deployment: str
    model: str
    model_name: str
    collect: str
    collect_only: FrozenSet[str]
    collect_seconds: float
    collect_sampling: float
    collect_redact: FrozenSet[str]
    collect_headers: FrozenSet[str]


def read_settings(environment: Mapping[str, str]) -> Settings:
    """Raises Usage with every value that a setting cannot have, or when no model is named."""
    environment = with_config_file(environment)
    values = _Values(environment)
    settings = Settings(
        app_root=os.path.abspath(environment.get("AML_APP_ROOT") or "."),
        entry_script=environment.get("AZUREML_ENTRY_SCRIPT", ""),
        source_directory=environment.get("AZUREML_SOURCE_DIRECTORY", ""),
        mlflow_model=environment.get("PRATIQUE_MLFLOW_MODEL", ""),
        onnx_model=environment.get("PRATIQUE_ONNX_MODEL", ""),
        grpc=environment.get("PRATIQUE_GRPC", ""),
        cors=Cors(environment["AML_CORS_ORIGINS"]) if environment.get("AML_CORS_ORIGINS") else None,
        worker_count=values.whole("WORKER_COUNT", 1, least=1),
        memory_bytes=values.whole("PRATIQUE_MEMORY_BYTES", 0, least=0),
        scoring_timeout_ms=values.whole("SCORING_TIMEOUT_MS", 0, least=0),
        longest_call_ms=values.whole(
            "PRATIQUE_LONGEST_CALL_MS", values.whole("WORKER_TIMEOUT", 0, least=0) * 1000, least=0
        ),
        request_timeout_ms=values.whole("PRATIQUE_REQUEST_TIMEOUT_MS", 0, least=0),
        max_waiting=values.whole("PRATIQUE_MAX_WAITING", 0, least=0),
        batches=values.truth("PRATIQUE_BATCHING", default=True),
        shares_weights=values.truth("PRATIQUE_SHARE_WEIGHTS", default=False),
        max_body_bytes=values.whole("PRATIQUE_MAX_BODY_BYTES", 100 * 1024 * 1024, least=0),
        read_timeout=float(values.whole("PRATIQUE_READ_TIMEOUT_SECONDS", 30, least=1)),
        ready_timeout=float(values.whole("PRATIQUE_READY_TIMEOUT_SECONDS", 60, least=0)),
        service_name=environment.get("SERVICE_NAME") or environment.get("AZUREML_SERVICE_NAME") or "ML service",
        service_version=environment.get("SERVICE_VERSION", "1.0"),
        service_path_prefix=environment.get("SERVICE_PATH_PREFIX", "").strip("/"),
        shows_version=values.truth("SERVER_VERSION_LOG_RESPONSE_ENABLED", default=True),
        log_format=values.one_of("PRATIQUE_LOG_FORMAT", ("text", "json")),
        deployment=environment.get("PRATIQUE_DEPLOYMENT", ""),
        model=environment.get("PRATIQUE_MODEL", ""),
        model_name=environment.get("PRATIQUE_MODEL", "").partition(":")[0] or "model",
        collect=environment.get("PRATIQUE_COLLECT", ""),
        collect_sampling=values.share("PRATIQUE_COLLECT_SAMPLING"),
        collect_only=values.names("PRATIQUE_COLLECT_ONLY"),
        collect_seconds=float(values.whole("PRATIQUE_COLLECT_SECONDS", 60, least=1)),
        collect_redact=values.names("PRATIQUE_COLLECT_REDACT"),
        collect_headers=frozenset(name.lower() for name in values.names("PRATIQUE_COLLECT_HEADERS")),
    )
    if values.problems:
        raise Usage("; ".join(values.problems))
    if not (settings.entry_script or settings.mlflow_model or settings.onnx_model):
        raise Usage("nothing to serve: set AZUREML_ENTRY_SCRIPT or PRATIQUE_MLFLOW_MODEL (or PRATIQUE_ONNX_MODEL)")
    if settings.grpc and settings.entry_script:
        raise Usage("PRATIQUE_GRPC: the Open Inference Protocol is for models without a script")
    return settings


class _Values:
    """Reads variables; what is wrong with one is kept, and its default taken, so that all of it is said at once."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment
        self.problems: List[str] = []

    def names(self, name: str) -> FrozenSet[str]:
        return frozenset(part.strip() for part in self._text(name).split(",") if part.strip())

    def one_of(self, name: str, choices: Tuple[str, ...]) -> str:
        text = self._text(name).lower() or choices[0]
        return text if text in choices else self._wrong(name, " or ".join(choices), repr(text), choices[0])

    def truth(self, name: str, *, default: bool) -> bool:
        """By any of the words that Azure's inference server takes."""
        text = self._text(name).lower()
        if text and text not in _TRUE and text not in _FALSE:
            return self._wrong(name, "true or false", repr(text), default)
        return text in _TRUE if text else default

    def share(self, name: str) -> float:
        text = self._text(name) or "1"
        try:
            share = float(text)
        except ValueError:
            return self._wrong(name, "a number from 0 to 1", repr(text), 1.0)
        return share if 0 <= share <= 1 else self._wrong(name, "a number from 0 to 1", f"{share:g}", 1.0)

    def whole(self, name: str, default: int, least: int) -> int:
        text = self._text(name)
        if not text:
            return default
        try:
            number = int(text)
        except ValueError:
            return self._wrong(name, "a whole number", repr(text), default)
        return number if number >= least else self._wrong(name, f"{least} or more", str(number), default)

    def _text(self, name: str) -> str:
        return self._environment.get(name, "").strip()

    def _wrong(self, name: str, expected: str, got: str, instead: Value) -> Value:
        self.problems.append(f"{name}: expected {expected}, got {got}")
        return instead
