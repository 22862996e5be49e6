"""Scoring scripts and requests that Azure's inference server and ours must answer alike.

Read by the test that asks both, and by the generator of docs/reference/scoring-contract.md. `differs` says why an
answer is another one here, on purpose; the test then makes sure that it still is.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple


class Ask(NamedTuple):
    """One request."""

    name: str
    body: bytes | None = b"{}"
    method: str = "POST"
    target: str = "/score"
    kind: str | None = "application/json"
    headers: Mapping[str, str] = MappingProxyType({})
    differs: str = ""


class Script(NamedTuple):
    """A score.py and what it is asked."""

    name: str
    text: str
    asks: tuple[Ask, ...]


ECHO = """
import json
def init(): pass
def run(raw_data):
    return json.loads(raw_data)
"""

TEXT = """
def init(): pass
def run(raw_data):
    return raw_data
"""

RESULTS = """
import json
class Odd: pass
def init(): pass
def run(raw_data):
    what = json.loads(raw_data)
    if what == "none": return None
    if what == "text": return "text"
    if what == "unicode": return "\\u00e4\\u4e2d"
    if what == "true": return True
    if what == "zero": return 0
    if what == "float": return 0.1
    if what == "tuple": return (1, 2)
    if what == "empty": return {}
    if what == "nested": return {"a": [1, {"b": None}]}
    if what == "set": return {1}
    if what == "object": return Odd()
    if what == "bytes": return b"ab"
    if what == "nan": return float("nan")
    if what == "numpy":
        import numpy
        return numpy.array([1, 2])
    if what == "frame":
        import pandas
        return pandas.DataFrame({"a": [1]})
    if what == "key": return {(1, 2): 3}
"""

RAISES = """
import json
class Own(Exception): pass
def init(): pass
def run(raw_data):
    what = json.loads(raw_data)
    if what == "value": raise ValueError("told to")
    if what == "own": raise Own()
    if what == "assert": assert False
    if what == "import": import no_such_module
    if what == "exit": raise SystemExit(3)
    if what == "recursion":
        def deeper(): return deeper()
        return deeper()
    print("printed")
    return "fine"
"""

HEADERS = """
def init(): pass
def run(raw_data, request_headers):
    return {"said": raw_data, "tenant": request_headers.get("X-Tenant"), "type": request_headers.get("Content-Type")}
"""

RAW = """
from azureml.contrib.services.aml_request import AMLRequest, rawhttp
from azureml.contrib.services.aml_response import AMLResponse
def init(): pass
@rawhttp
def run(request):
    what = request.args.get("what", "")
    if what == "text": return AMLResponse("text", 200)
    if what == "teapot": return AMLResponse("teapot", 418)
    if what == "json": return AMLResponse({"a": 1}, 201, json_str=True)
    if what == "failed": return AMLResponse("broken", 503)
    if what == "bytes": return AMLResponse(b"ab", 200)
    if what == "header": return AMLResponse("x", 200, {"X-Own": "7", "Content-Type": "text/plain"})
    if what == "plain": return {"method": request.method}
    if what == "data": return {"data": request.get_data(as_text=True), "type": request.content_type}
    if what == "json-body": return request.get_json()
    if what == "file": return {"size": len(request.files["image"].read())}
    if what == "form": return dict(request.form)
    if what == "raise": raise ValueError("told to")
    return AMLResponse({"method": request.method, "path": request.path, "args": request.args}, 200, json_str=True)
"""

SCHEMA = """
from inference_schema.parameter_types.standard_py_parameter_type import StandardPythonParameterType
from inference_schema.schema_decorators import input_schema, output_schema
def init(): pass
@input_schema("a", StandardPythonParameterType(1))
@input_schema("b", StandardPythonParameterType("x"))
@output_schema(StandardPythonParameterType({"both": "x"}))
def run(a, b="default"):
    return {"both": f"{a} {b}"}
"""

LONG = "i" * 101
FORM = "application/x-www-form-urlencoded"
PARTS = b'--b\r\nContent-Disposition: form-data; name="image"; filename="a.png"\r\n\r\n12345\r\n--b--\r\n'

SCRIPTS = (
    Script(
        "echo",
        ECHO,
        (
            Ask("an object", b'{"a": [1, 2.5, "x", null]}'),
            Ask("a list", b"[1, 2]"),
            Ask("no JSON", b"{"),
            Ask("an empty body", b""),
            Ask("no body and no type", None, kind=None),
            Ask("another type", b'{"a": 1}', kind="text/plain"),
            Ask("unicode", '{"a": "ä中"}'.encode()),
            Ask("not UTF-8", b'{"a": "\xff"}'),
            Ask("a query", None, "GET", "/score?a=1&b=x", None),
            Ask("a query without JSON", None, "GET", "/score?a=x", None),
            Ask("no query", None, "GET", "/score", None),
            Ask("options", None, "OPTIONS", "/score", None),
            Ask("delete", None, "DELETE", "/score", None),
            Ask("put", b"{}", "PUT", "/score"),
            Ask("health", None, "GET", "/", None),
            Ask("post to health", b"{}", "POST", "/"),
            Ask("an unknown path", None, "GET", "/nope", None),
            Ask("specification", None, "GET", "/swagger.json", None, differs="descriptions are in our own words"),
            Ask("a version that is none", None, "GET", "/swagger.json?version=7", None),
            Ask("identifiers", b"1", headers={"x-request-id": "R", "x-ms-client-request-id": "C"}),
            Ask("the old identifier", b"1", headers={"x-ms-request-id": "M"}),
            Ask("both identifiers", b"1", headers={"x-ms-request-id": "M", "x-ms-client-request-id": "C"}),
            Ask("a long request id", b"1", headers={"x-request-id": LONG}),
            Ask("a long client id", b"1", headers={"x-ms-client-request-id": LONG}),
        ),
    ),
    Script(
        "text",
        TEXT,
        (
            Ask("text", b"just text", kind="text/plain"),
            Ask("a form", b"a=1", kind=FORM, differs="the body reaches run(); there it is an empty string"),
            Ask("empty text", b"", kind="text/plain"),
        ),
    ),
    Script(
        "results",
        RESULTS,
        (
            *(
                Ask(f"returns {what}", f'"{what}"'.encode())
                for what in "none text unicode true zero float tuple empty nested set object key".split()
            ),
            Ask("returns bytes", b'"bytes"', differs="bytes are sent as they are, not refused with 500"),
            Ask("returns NaN", b'"nan"', differs="null: NaN is no JSON, and most clients refuse it"),
            Ask("returns numpy", b'"numpy"', differs="arrays become lists, not 500"),
            Ask("returns a frame", b'"frame"', differs="frames become records, not 500"),
        ),
    ),
    Script(
        "raises",
        RAISES,
        (
            *(Ask(f"raises {what}", f'"{what}"'.encode()) for what in "value own assert import recursion".split()),
            Ask("prints", b'"print"'),
            Ask("exits", b'"exit"', differs="500 as for any exception; there the worker ends, with a page of gunicorn"),
        ),
    ),
    Script("headers", HEADERS, (Ask("headers", b"text", headers={"X-Tenant": "7"}),)),
    Script(
        "raw",
        RAW,
        (
            *(
                Ask(f"raw {what}", b'{"a": 1}', target=f"/score?what={what}")
                for what in "text teapot json failed bytes header plain data json-body raise".split()
            ),
            Ask("raw get", None, "GET", "/score?a=1&b=2", None),
            Ask("raw options", None, "OPTIONS", "/score?a=1", None),
            Ask("raw file", PARTS, target="/score?what=file", kind="multipart/form-data; boundary=b"),
            Ask("raw form", b"a=1&b=%20", target="/score?what=form", kind=FORM),
            Ask("raw delete", None, "DELETE", "/score", None),
        ),
    ),
    Script(
        "schema",
        SCHEMA,
        (
            Ask("both", b'{"a": 1, "b": "y"}'),
            Ask("a default", b'{"a": 1}'),
            Ask("a missing one", b'{"b": "y"}'),
            Ask("one too many", b'{"a": 1, "c": 2}'),
            Ask("a wrong type", b'{"a": [1]}'),
            Ask("no dictionary", b"[1]"),
            Ask("no JSON to bind", b"{"),
            Ask("nothing to bind", b""),
            Ask("another type to bind", b'{"a": 1}', kind="text/plain"),
            Ask("a query to bind", None, "GET", "/score?a=3&b=z", None),
        ),
    ),
)
