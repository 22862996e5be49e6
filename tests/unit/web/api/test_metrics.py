"""What deployments count, over the API."""

from typing import Any

import pytest

from .test_endpoints import BLUE, blue, endpoint

__all__ = ["blue", "endpoint"]


@pytest.mark.parametrize("path", ["/workspaces/dev/metrics", f"{BLUE}/metrics"])
@pytest.mark.usefixtures("blue")
def test_who_scrapes_gets_text_for_prometheus(api: Any, path: str) -> None:
    answer = api("GET", path)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert "# TYPE pratique_replica_up gauge" in answer.text


@pytest.mark.parametrize("path", ["/workspaces/absent/metrics", f"{BLUE}/metrics"])
def test_what_is_not_there_counts_nothing(api: Any, path: str) -> None:
    assert api("GET", path).status_code == 404
