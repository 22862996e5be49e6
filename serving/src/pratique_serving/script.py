"""A scoring script: `init()` once, then `run()` for every request.

`run` gets its argument in one of three ways, as under Azure's inference server:

    def run(raw_data)                   the body as text; for GET the query as a JSON object
    @rawhttp def run(request)           an AMLRequest, for every method
    @input_schema(...) def run(a, b)    the members of the JSON body by name (package inference-schema)

and, if it asks for one more named `request_headers`, the headers as a dict.
"""

import importlib
import importlib.util
import inspect
import json
import os
import sys
import time
from types import ModuleType
from typing import Any, Callable, Dict, List, Optional, Tuple

from pratique_serving import alarm, contrib, log
from pratique_serving.aml import AMLRequest, titled
from pratique_serving.errors import ModelFailed, Refused
from pratique_serving.models import Model
from pratique_serving.results import INTERNAL, Unanswerable, to_response
from pratique_serving.settings import Settings
from pratique_serving.swagger import Specifications, describe, read_specifications
from pratique_serving.wire import Request, Response

MODULE = "entry_module"

FAILED = "An unexpected error occurred in scoring script. Check the logs for more info."

Arguments = Dict[str, Any]
Bind = Callable[[Request], Arguments]


def load(settings: Settings) -> Model:
    """Import the script and call its `init()`; passes on whatever they raise.

    Raises ModelFailed when there is no such file, or no `init` or `run` in it.
    """
    contrib.install()
    _extend_path(settings)
    _configure_logging(settings)
    module = _import_script(os.path.join(settings.app_root, settings.entry_script))
    script = ScriptModel(_run_of(module), settings)
    module.init()
    return script


def _extend_path(settings: Settings) -> None:
    """The user's folders come first, as they do under Azure, where the server is started in them."""
    folders = [settings.app_root, os.path.dirname(os.path.join(settings.app_root, settings.entry_script))]
    if settings.source_directory:
        folders.append(os.path.join(settings.app_root, settings.source_directory))
    sys.path[:0] = [folder for folder in dict.fromkeys(folders) if folder not in sys.path]


def _configure_logging(settings: Settings) -> None:
    """As a `logging.json` says, if the user has one."""
    script = os.path.join(settings.app_root, settings.entry_script)
    for folder in (settings.app_root, os.path.dirname(script)):
        path = os.path.join(folder, "logging.json")
        if os.path.isfile(path):
            importlib.import_module("pratique_serving.log_config").configure(path)
            return


def _import_script(path: str) -> ModuleType:
    if not os.path.isfile(path):
        raise ModelFailed(f"the scoring script {path} does not exist (AZUREML_ENTRY_SCRIPT within AML_APP_ROOT)")
    spec = importlib.util.spec_from_file_location(MODULE, path)
    if spec is None or spec.loader is None:
        raise ModelFailed(f"the scoring script {path} is not a Python file")
    module = importlib.util.module_from_spec(spec)
    # Registered under its name, so that what it defines can be pickled and dataclasses find their module.
    sys.modules[MODULE] = module
    spec.loader.exec_module(module)
    for name in ("init", "run"):
        if not callable(getattr(module, name, None)):
            raise ModelFailed(f"the scoring script {path} does not define {name}()")
    return module


def _run_of(module: ModuleType) -> Callable[..., object]:
    """The script's `run`; a generated driver script names the real one `driver_module`."""
    driven = getattr(module, "driver_module", None)
    run: Callable[..., object] = getattr(driven, "run", module.run) if isinstance(driven, ModuleType) else module.run
    return run


class ScriptModel(Model):
    """Binds requests to `run()` and its results to responses."""

    def __init__(self, run: Callable[..., object], settings: Settings) -> None:
        parameters = _parameters(run)
        self._run = run
        self._wants_headers = any(parameter.name == "request_headers" for parameter in parameters)
        inputs = [parameter for parameter in parameters if parameter.name != "request_headers"]
        if not inputs:
            raise ModelFailed("run() needs an argument for the input data")
        self._bind = _choose_binding(run, inputs)
        self._is_raw = contrib.is_rawhttp()
        self._timeout = settings.scoring_timeout_ms / 1000
        self._specifications = _specifications(run, settings)

    def answer(self, request: Request, request_id: str) -> Response:
        if not self._is_raw and request.method not in ("GET", "POST"):
            return _without_run(request.method)
        arguments = self._bind(request)
        if self._wants_headers:
            arguments["request_headers"] = titled(request)
        return self._call(arguments, request_id)

    def swagger(self, version: str) -> Dict[str, Any]:
        return self._specifications.of_version(version)

    def _call(self, arguments: Arguments, request_id: str) -> Response:
        began = time.perf_counter()
        try:
            result = alarm.within(self._timeout, self._run, **arguments)
        except alarm.Overrun as error:
            log.say(f"run() was interrupted{alarm.why(self._timeout)}, request {request_id}", log.place_of(error))
            raise alarm.refused(self._timeout) from None
        except Refused:
            raise
        # Anything a script can raise, sys.exit() included: the caller gets 500, the log the traceback.
        except BaseException as error:  # noqa: BLE001
            log.say_traceback(f"run() failed, request {request_id}", error)
            raise Refused(500, FAILED, run_failed=True) from None
        took = (time.perf_counter() - began) * 1000
        try:
            response = to_response(result)
        except Unanswerable as error:
            log.say(f"{error}, request {request_id}")
            raise Refused(500, INTERNAL) from None
        response.headers.append(("x-ms-run-fn-exec-ms", f"{took:.3f}"))
        return response


def _without_run(method: str) -> Response:
    if method == "OPTIONS":
        return Response(200, b"", [("Content-Type", "text/html; charset=utf-8"), ("x-ms-run-function-failed", "False")])
    raise Refused(405, "Method not allowed")


def _parameters(run: Callable[..., object]) -> List[inspect.Parameter]:
    parameters = list(inspect.signature(run).parameters.values())
    allowed = (inspect.Parameter.KEYWORD_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    if any(parameter.kind not in allowed for parameter in parameters):
        raise ModelFailed("run() cannot accept positional-only arguments, *args, or **kwargs")
    return parameters


def _choose_binding(run: Callable[..., object], inputs: List[inspect.Parameter]) -> Bind:
    name = inputs[0].name
    if contrib.is_rawhttp():
        if _is_decorated(run):
            raise ModelFailed("run() cannot be decorated with both @rawhttp and @input_schema")
        return lambda request: {name: AMLRequest(request)}
    if _is_decorated(run):
        return lambda request: _named_members(request, inputs)
    return lambda request: {name: _text(request)}


def _text(request: Request) -> str:
    if request.method == "GET":
        return json.dumps(_query_members(request))
    try:
        return str(request.body, "utf-8")
    except UnicodeDecodeError as error:
        raise Refused(400, f"Input cannot be decoded as UTF-8: {error}") from None


def _named_members(request: Request, inputs: List[inspect.Parameter]) -> Arguments:
    members = _query_members(request) if request.method == "GET" else _body_members(request)
    arguments = {parameter.name: members.get(parameter.name, parameter.default) for parameter in inputs}
    for name, value in arguments.items():
        if value is inspect.Parameter.empty:
            raise Refused(400, f"A value is not provided for the {name!r} parameter.")
    return arguments


def _body_members(request: Request) -> Dict[str, Any]:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json" and not (kind.startswith("application/") and kind.endswith("+json")):
        raise Refused(415, "Expects Content-Type to be application/json")
    if not request.body:
        raise Refused(400, "POST body is empty. Expecting a JSON dictionary.")
    try:
        members = json.loads(request.body)
    except (ValueError, RecursionError) as error:
        raise Refused(400, f"POST body could not be decoded as JSON: {error}") from None
    if not isinstance(members, dict):
        raise Refused(400, "POST body should be a JSON dictionary.")
    return members


def _query_members(request: Request) -> Dict[str, Any]:
    """``?a=1&b=[2]&c=x&c=y`` is ``{"a": 1, "b": [2], "c": ["x", "y"]}``."""
    values: Dict[str, List[Any]] = {}
    for name, text in request.arguments():
        values.setdefault(name, []).append(_json_or_text(text))
    return {name: found[0] if len(found) == 1 else found for name, found in values.items()}


def _json_or_text(text: str) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def _schema_functions() -> Optional[ModuleType]:
    """The module of inference-schema that knows about decorators, if the script has imported it."""
    return sys.modules.get("inference_schema.schema_util")


def _is_decorated(run: Callable[..., object]) -> bool:
    functions = _schema_functions()
    return functions is not None and bool(functions.is_schema_decorated(run))


def _specifications(run: Callable[..., object], settings: Settings) -> Specifications:
    own = read_specifications(settings.app_root)
    functions = _schema_functions()
    if functions is None or not _is_decorated(run):
        return describe(settings, own=own)
    schemas: Tuple[Any, Any] = (functions.get_input_schema(run), functions.get_output_schema(run))
    return describe(settings, *schemas, own=own, versions=tuple(functions.get_supported_versions(run)))
