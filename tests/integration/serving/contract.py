"""Scoring scripts and requests that Azure's inference server and ours must answer alike.

Read by the test that asks both, and by the generator of docs/reference/scoring-contract.md. `differs` says why an
answer is another one here, on purpose; the test then makes sure that it still is.
"""

import gzip
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple


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
    """A score.py, what it is asked, and what else there is: environment variables, files beside it."""

    name: str
    text: str
    asks: tuple[Ask, ...]
    environment: Mapping[str, str] = MappingProxyType({})
    files: Mapping[str, str] = MappingProxyType({})


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
import datetime
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
    if what == "bytes inside": return {"a": b"ab"}
    if what == "a date": return datetime.date(2020, 1, 2)
    if what == "a number of numpy":
        import numpy
        return {"a": numpy.float32(0.5)}
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
class Base(BaseException): pass
def init(): pass
def run(raw_data):
    what = json.loads(raw_data)
    if what == "base": raise Base()
    if what == "timeout": raise TimeoutError("of a database")
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

# The rest of what Flask's request and response have and scripts use: an expression in a header each.
FLASK = """
from azureml.contrib.services.aml_request import AMLRequest, rawhttp
from azureml.contrib.services.aml_response import AMLResponse
import json
def init(): pass
@rawhttp
def run(request):
    wanted = request.headers["X-Ask"]
    if wanted.startswith("r."):
        r = AMLResponse("x", 200)
        exec(wanted)
        return r
    value = eval(wanted)
    return value if isinstance(value, AMLResponse) else AMLResponse(value, 200, json_str=True)
"""

FRAMES = """
import numpy, pandas
from inference_schema.parameter_types.numpy_parameter_type import NumpyParameterType
from inference_schema.parameter_types.pandas_parameter_type import PandasParameterType
from inference_schema.parameter_types.standard_py_parameter_type import StandardPythonParameterType
from inference_schema.schema_decorators import input_schema, output_schema
nested = StandardPythonParameterType({"rows": PandasParameterType(pandas.DataFrame({"a": [1], "b": ["x"]}))})
settings = StandardPythonParameterType({"method": StandardPythonParameterType("predict")})
def init(): pass
@input_schema("Inputs", nested)
@input_schema("weights", NumpyParameterType(numpy.array([1.0, 2.0]), enforce_shape=False))
@input_schema("GlobalParameters", settings, convert_to_provided_type=False)
@output_schema(StandardPythonParameterType({"Results": [1.0]}))
def run(Inputs, weights=None, *, GlobalParameters={"method": "none"}, request_headers=None):
    rows = Inputs["rows"]
    sums = None if weights is None else weights.sum()
    return {"types": [str(kind) for kind in rows.dtypes], "sum": sums, "how": GlobalParameters["method"],
            "headers": sorted(name for name in request_headers if name.startswith("X"))}
"""

DRIVEN = """
import features
from parts import scale
class driver_module:
    @staticmethod
    def run(raw_data): return "no module"
def init(): pass
def run(raw_data): return features.SIZE * scale.BY
"""

LONG = "i" * 101
FORM = "application/x-www-form-urlencoded"
UPLOAD = "multipart/form-data; boundary=b"
PARTS = b'--b\r\nContent-Disposition: form-data; name="image"; filename="a.png"\r\n\r\n12345\r\n--b--\r\n'


def asked(words: str, **more: Any) -> Ask:
    """That expression of the script FLASK."""
    return Ask(words, headers={"X-Ask": words, **more.pop("headers", {})}, **more)


QUERY = "/score?n=3&n=4&u=x"
SENT = {"Cookie": 'a=1; b="c d"', "Authorization": "Basic YTpi", "Accept": "text/html;q=0.5, application/json"}
REQUESTS = [
    *(
        asked(words, target=QUERY)
        for words in (
            'request.args.get("n", type=int)',
            'request.args.get("u", default=7, type=int)',
            'request.args.getlist("n", type=int)',
            "list(request.args.items(multi=True))",
            "list(request.args.lists())",
            "request.args.to_dict(flat=False)",
            '[part.replace(request.host, "h") for part in (request.host_url, request.base_url, request.url)]',
            "[request.get_data().decode(), request.stream.read().decode()]",
            "[request.stream.read().decode(), request.data.decode()]",
            "sorted(name for name, value in request.headers)",
            'request.headers.get("Content-Length", type=int)',
            "[request.full_path, request.scheme, request.is_secure, request.remote_addr, request.endpoint]",
            'request.environ["QUERY_STRING"]',
        )
    ),
    *(
        asked(words, headers=SENT)
        for words in (
            'dict(request.cookies, n=request.cookies.get("n", 1))',
            "[request.authorization.type, request.authorization.username, request.authorization.password]",
            'request.accept_mimetypes.best_match(["text/html", "application/json"])',
            "[str(request.user_agent), request.referrer, request.origin, request.access_route]",
        )
    ),
    asked("request.get_json()", kind="text/plain"),
    asked("request.json", kind=None),
    asked("request.get_json(silent=True)", kind="text/plain"),
    asked("request.content_length", method="GET", body=None, kind=None),
    asked('[request.data.decode(), request.form["a"], request.get_data().decode()]', body=b"a=1", kind=FORM),
    asked('[request.get_data().decode(), request.form.get("a", type=int)]', body=b"a=1", kind=FORM),
    asked("dict(request.files['image'].headers)", body=PARTS, kind=UPLOAD),
    asked("[request.files['image'].save('saved'), open('saved').read()]", body=PARTS, kind=UPLOAD),
    asked("bool(request.files['image'])", body=PARTS, kind=UPLOAD),
    asked("dict(request.files)", body=b"x", kind=UPLOAD, differs="400 for parts that do not follow their boundary"),
    asked("isinstance(request, AMLRequest)", differs="it is one"),
    asked("request.url_rule.rule", differs="what of Flask's request is not here is an AttributeError, so 500"),
]
RESPONSES = [
    *(
        asked(words)
        for words in (
            'AMLResponse(["a", "b"], 200)',
            'AMLResponse([b"a", b"b"], 200)',
            'AMLResponse((part for part in "abc"), 200)',
            'AMLResponse("x", "201 CREATED")',
            'AMLResponse("x", 600)',
            'AMLResponse("x", None)',
            'AMLResponse("x", 304)',
            'AMLResponse("x", 200, {"X-Own": 5})',
            'AMLResponse("x", 200, None)',
            'AMLResponse("x", 200, {"X-Own": "a\\r\\nb"})',
            'AMLResponse("x", 200, {"x-ms-request-id": "own", "X-Own": "1"})',
            "AMLResponse({1: 2}, 200, json_str=True).get_json()",
            'dict(AMLResponse("x", 200).headers)',
            'r.headers.set("X-Own", "2")',
            'r.headers.extend({"X-Own": "2"}); r.headers.add("X-Own", "v", q="1")',
            'r.headers.remove("Content-Type")',
            'r.set_cookie("sid", "a;b", httponly=True)',
            'r.delete_cookie("sid")',
            'r.status = "203 Odd"',
            'r.data = "new"',
            'r.mimetype = "text/csv"',
            'r.content_type = "image/png"',
            'r.location = "/there"',
            'r.access_control_allow_origin = "*"',
        )
    ),
    asked('AMLResponse({"a": 1}, 200)', differs="JSON; there the names of its keys"),
    asked("AMLResponse([1, 2], 200)", differs="JSON, as of any number; there 500"),
    asked(
        'AMLResponse("x", 200, {"content-type": "text/csv"})',
        differs="one content type; there two, unless it is written Content-Type and there is no json_str",
    ),
    asked('AMLResponse("x", 103)', differs="500: no answer ends with a status below 200"),
    asked('AMLResponse("x", 200, {"X-Own": "\\u4e2d"})', differs="500 as JSON; there a page of gunicorn"),
    asked("r.foo = 1", differs="what of Flask's response is not here is an AttributeError, so 500"),
]

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
            Ask("specification", None, "GET", "/swagger.json", None),
            Ask("a version that is none", None, "GET", "/swagger.json?version=7", None),
            Ask("identifiers", b"1", headers={"x-request-id": "R", "x-ms-client-request-id": "C"}),
            Ask("the old identifier", b"1", headers={"x-ms-request-id": "M"}),
            Ask("both identifiers", b"1", headers={"x-ms-request-id": "M", "x-ms-client-request-id": "C"}),
            Ask("a long request id", b"1", headers={"x-request-id": LONG}),
            Ask("a long client id", b"1", headers={"x-ms-client-request-id": LONG}),
            Ask(
                "an empty identifier",
                b"1",
                headers={"x-request-id": "", "x-ms-client-request-id": ""},
                differs="a request always has an identifier",
            ),
            Ask("two versions", None, "GET", "/swagger.json?version=3&version=9", None),
            Ask("no version", None, "GET", "/swagger.json?version=", None),
            Ask(
                "an address written otherwise",
                None,
                "GET",
                "//score",
                None,
                differs="addresses are taken as they are: 404 for //score, /%73core and /score#a",
            ),
            Ask("a long address", None, "GET", "/score?a=" + "1" * 5000, None, differs="16 KiB are read, there 4"),
            Ask(
                "a long header",
                b"1",
                headers={"X-Long": "1" * 9000},
                differs="64 KiB of headers are read, there 8 each",
            ),
            Ask(
                "an expectation",
                b"1",
                headers={"Expect": "more"},
                differs="what is no HTTP is refused with a JSON message, there with a page of gunicorn",
            ),
        ),
    ),
    Script(
        "text",
        TEXT,
        (
            Ask("text", b"just text", kind="text/plain"),
            Ask("a form", b"a=1", kind=FORM, differs="the body reaches run(); there it is an empty string"),
            Ask("a compressed body", gzip.compress(b"1", mtime=0), headers={"Content-Encoding": "gzip"}),
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
            Ask("returns a number of numpy", b'"a number of numpy"', differs="numbers become numbers, not 500"),
            Ask("returns a date", b'"a date"', differs="dates and times are in ISO's form, not 500"),
            Ask("returns bytes inside", b'"bytes inside"'),
        ),
    ),
    Script(
        "raises",
        RAISES,
        (
            *(Ask(f"raises {what}", f'"{what}"'.encode()) for what in "value own assert import recursion".split()),
            Ask("prints", b'"print"'),
            Ask("raises no Exception", b'"base"', differs="500 as for any exception; there a page of gunicorn"),
            Ask(
                "raises TimeoutError",
                b'"timeout"',
                differs="500 as for any exception; there it passes for SCORING_TIMEOUT_MS",
            ),
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
            Ask("swagger 2", None, "GET", "/swagger.json", None),
            Ask("swagger 3", None, "GET", "/swagger.json?version=3", None),
            Ask("not UTF-8 to bind", b'{"a": "\xff"}', differs="400 and why, not 500; so are numbers of 4300 digits"),
            Ask("too deep to bind", b'{"a": ' + b"[" * 20_000 + b"]" * 20_000 + b"}", differs="400 and why, not 500"),
        ),
    ),
    Script(
        "frames",
        FRAMES,
        (
            Ask("rows", b'{"Inputs": {"rows": [{"a": 3, "b": "y"}]}, "weights": [[1], [2]]}'),
            Ask("how", b'{"Inputs": {"rows": [{"a": 3, "b": "y"}]}, "GlobalParameters": {"method": "both"}}'),
            Ask("other columns", b'{"Inputs": {"rows": [{"c": 3}]}}'),
            Ask("no rows", b'{"weights": [1]}'),
            Ask("headers to bind", b'{"Inputs": {"rows": [{"a": 3}]}}', headers={"x-one": "1", "X_Two": "2"}),
            *(
                Ask(f"swagger {one} of frames", None, "GET", f"/swagger.json?version={one}", None)
                for one in (2, 3, 3.1)
            ),
        ),
    ),
    Script("flask request", FLASK, tuple(REQUESTS)),
    Script("flask response", FLASK, tuple(RESPONSES)),
    Script("driven", DRIVEN, (Ask("its modules"),), files={"features.py": "SIZE = 3", "parts/scale.py": "BY = 7"}),
    Script(
        "origins",
        TEXT,
        (
            Ask("a known origin", headers={"Origin": "https://A.example"}),
            Ask("no origin"),
            Ask("another origin", headers={"Origin": "https://b.example"}),
            Ask("a pattern of origins", headers={"Origin": "https://x.c.example"}),
            Ask(
                "more than a pattern",
                headers={"Origin": "https://x.c.example.d.example"},
                differs="a pattern has to match all of the origin",
            ),
            Ask("a probe", None, "GET", "/", None, headers={"Origin": "https://a.example"}),
            Ask("an unknown path of an origin", None, "GET", "/nope", None, headers={"Origin": "https://a.example"}),
            *(
                Ask(
                    f"may it {method}",
                    None,
                    "OPTIONS",
                    kind=None,
                    headers={
                        "Origin": "https://a.example",
                        "Access-Control-Request-Method": method,
                        "Access-Control-Request-Headers": "x-b, authorization",
                    },
                )
                for method in ("POST", "DELETE")
            ),
        ),
        environment={"AML_CORS_ORIGINS": r"https://a.example, https://.*\.c\.example"},
    ),
    Script(
        "configured",
        TEXT,
        (Ask("names of a file", None, "GET", "/swagger.json", None), Ask("a driven body")),
        environment={"SERVICE_VERSION": "7"},
        files={"config.json": '{"SERVICE_NAME": "credit", "SERVICE_VERSION": "6", "SERVICE_PATH_PREFIX": "a/b"}'},
    ),
)
