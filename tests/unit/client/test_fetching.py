"""A file on the web is fetched on this machine, and the spec then names the copy."""

from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from pratique.base.errors import InvalidInput, PratiqueError, Unavailable
from pratique.client.fetching import fetched, without_query
from pratique.specs.data import Data
from pratique.specs.grammar import Spec
from pratique.specs.job import CommandJob
from pratique.specs.reader import document_of
from pratique.specs.references import FETCHED_FROM, local_paths

ROWS = b"a,b\n1,2\n"


class _Web(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        if path == "/moved.csv":
            self.send_response(302)
            self.send_header("Location", "/rows.csv")
            self.end_headers()
            return
        if path == "/chunks.csv":
            self.send_response(200)
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            self.wfile.write(b"ff\r\na,b")
            return
        self.send_response(200 if path in ("/rows.csv", "/cut.csv", "/", "/%2e%2e") else 404)
        self.send_header("Content-Length", str(len(ROWS) + (10 if path == "/cut.csv" else 0)))
        self.end_headers()
        self.wfile.write(ROWS)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def web() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Web)
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def data(path: str) -> Spec:
    return Data.of(document_of({"name": "rows", "type": "uri_file", "path": path}, folder=Path.cwd()))


def job(**given: object) -> Spec:
    value = {"command": "cat ${{inputs.rows}}", "environment": "azureml:plain@latest", "inputs": {"rows": given}}
    return CommandJob.of(document_of(value, folder=Path.cwd()))


def never(done: int, total: int) -> None:
    raise AssertionError(f"{done} of {total} bytes of nothing")


@pytest.mark.parametrize(
    ("path", "name"), [("rows.csv", "rows.csv"), ("moved.csv", "moved.csv"), ("", "data"), ("%2e%2e", "data")]
)
def test_the_file_has_the_last_name_of_its_url_and_is_gone_afterwards(web: str, path: str, name: str) -> None:
    seen: list[tuple[int, int]] = []
    with fetched(data(f"{web}/{path}?sig=1"), lambda done, total: seen.append((done, total))) as spec:
        [use] = local_paths(spec)
        assert (use.path.name, use.path.read_bytes()) == (name, ROWS)
    assert not use.path.exists()
    assert seen[-1] == (len(ROWS), len(ROWS))


def test_a_version_keeps_where_its_file_came_from_without_what_may_be_a_secret(web: str) -> None:
    given = {"name": "rows", "type": "uri_file", "path": f"{web}/rows.csv?sig=1", "properties": {"team": "risk"}}
    with fetched(Data.of(document_of(given, folder=Path.cwd())), lambda *_: None) as spec:
        assert spec.to_document()["properties"] == {"team": "risk", FETCHED_FROM: f"{web}/rows.csv"}


def test_an_input_of_a_job_is_fetched_unless_it_wants_the_url_itself(web: str) -> None:
    with fetched(job(type="uri_file", path=f"{web}/rows.csv"), lambda *_: None) as spec:
        assert [use.path.read_bytes() for use in local_paths(spec)] == [ROWS]
    direct = job(type="uri_file", path=f"{web}/rows.csv", mode="direct")
    with fetched(direct, never) as spec:
        assert spec is direct


@pytest.mark.parametrize("path", ["wasbs://c@a.blob.core.windows.net/x", "azureml:rows:1", "rows.csv"])
def test_nothing_else_is_fetched(path: str) -> None:
    with fetched(data(path), never) as spec:
        assert spec.to_document()["path"] == path


@pytest.mark.parametrize(
    ("path", "kind", "said"),
    [
        ("absent.csv", InvalidInput, "the server answered 404"),
        ("cut.csv", Unavailable, "of 18 bytes came"),
        ("chunks.csv", Unavailable, "not fetched to its end"),
    ],
)
def test_what_cannot_be_fetched_is_said_without_its_signature(
    web: str, path: str, kind: type[PratiqueError], said: str
) -> None:
    with pytest.raises(kind, match=said) as refused, fetched(data(f"{web}/{path}?sig=hidden"), lambda *_: None):
        pass
    assert f"{web}/{path}" in str(refused.value)
    assert "hidden" not in str(refused.value)


def test_a_server_that_is_not_there_is_unavailable() -> None:
    with pytest.raises(Unavailable, match="cannot be fetched"), fetched(data("http://127.0.0.1:1/x"), never):
        pass


def test_neither_user_nor_query_of_a_url_is_shown() -> None:
    assert without_query("https://user:word@host:8/a/b.csv?sig=x#y") == "https://host:8/a/b.csv"
