"""Verbs of `az apim` that need no gateway: what scripts ask, change and wait for, and what is refused with a remedy."""

import json
from collections.abc import Iterator
from typing import Any, Final

import pytest

from .conftest import Run

SERVICE: Final = "apim-verbs"
HERE: Final = ("--service-name", SERVICE, "--api-id", "credit")
ONE: Final = (*HERE, "--operation-id", "one")


@pytest.fixture
def do(pratique: Run) -> Iterator[Any]:
    def run(*words: str) -> Any:
        ran = pratique(*words)
        assert ran.returncode == 0, ran
        return json.loads(ran.stdout) if ran.stdout else None

    run("apim", "create", "-n", SERVICE, "-g", "rg", "--publisher-name", "ML", "--sku-name", "Developer", "--no-wait")
    run("apim", "api", "create", *HERE, "--display-name", "Credit", "--protocols", "https", "--no-wait")
    yield run
    run("apim", "delete", "-n", SERVICE, "--yes")


def test_a_service_is_asked_for_changed_and_waited_for(do: Any, pratique: Run) -> None:
    assert do("apim", "check-name", "-n", SERVICE)["nameAvailable"] is False
    assert do("apim", "check-name", "-n", "apim-of-nobody")["nameAvailable"] is True
    do("apim", "wait", "-n", SERVICE, "--created", "--timeout", "5")
    do("apim", "wait", "-n", "apim-of-nobody", "--deleted")
    changed = do("apim", "update", "-n", SERVICE, "--publisher-email", "ml@example.org", "--tags", "team=ml")
    assert (changed["publisherName"], changed["publisherEmail"], changed["tags"]) == (
        "ML", "ml@example.org", {"team": "ml"},
    )  # fmt: skip
    refused = pratique("apim", "update", "-n", "apim-of-nobody", "--tags", "a=b")
    assert (refused.returncode, "no API service" in refused.stderr) == (3, True)


def test_an_api_and_an_operation_change_by_flags_and_by_set(do: Any, pratique: Run) -> None:
    changed = do("apim", "api", "update", *HERE, "--set", "subscriptionRequired=false", "--path", "v2", "--no-wait")
    assert (changed["subscriptionRequired"], changed["path"], changed["displayName"]) == (False, "v2", "Credit")
    made = ("apim", "api", "operation", "create", *ONE, "--method", "POST", "--url-template", "/customers/{id}")
    do(*made, "--no-wait", "--template-parameters", "name=id", "type=string", "--display-name", "One")
    refused = pratique(*made, "-p", "name=other")
    assert (refused.returncode, "no {other}" in refused.stderr) == (2, True)
    changed = do(
        "apim", "api", "operation", "update", *ONE, "--set", "method=put", "--url-template", "/all", "--no-wait"
    )
    assert {key: changed[key] for key in ("method", "urlTemplate", "displayName")} == {
        "method": "PUT", "urlTemplate": "/all", "displayName": "One",
    }  # fmt: skip
    assert do("apim", "api", "operation", "show", *ONE) == changed
    gone = pratique("apim", "api", "operation", "show", *HERE, "--operation-id", "two")
    assert gone.returncode == 3
    late = pratique("apim", "api", "wait", *HERE, "--updated", "--timeout", "0")
    assert (late.returncode, "--timeout" in late.stderr) == (1, True)
    assert [one["name"] for one in do("apim", "api", "list", "-n", SERVICE, "--filter-display-name", "cred")] == [
        "credit"
    ]
    assert do("apim", "api", "list", "-n", SERVICE, "--top", "0") == []


@pytest.mark.parametrize(
    ("words", "remedy"),
    [
        (("product", "create", "-n", SERVICE), "pratique apim subscription create"),
        (("api", "versionset", "list", "-n", SERVICE), "--path"),
        (("api", "revision", "list", "-n", SERVICE), "one revision"),
        (("api", "export", *HERE), "swagger.json"),
        (("backup", "-n", SERVICE), "pratique backup create"),
        (("api", "create", *HERE, "--subscription-key-header-name", "X-Key"), "Ocp-Apim-Subscription-Key"),
        (("api", "import", *HERE, "--specification-url", "https://a.example/o.json"), "curl -fsSo"),
        (("create", "-n", SERVICE, "-g", "rg", "--virtual-network", "Internal"), "public_network_access"),
        (("create", "-n", SERVICE, "-g", "rg", "--enable-client-certificate"), "a key or a token"),
        (("update", "-n", SERVICE, "--set", "a=b"), "--publisher-name"),
        (("wait", "-n", SERVICE), "--created"),
    ],
)
def test_what_is_not_here_is_refused_with_a_remedy(pratique: Run, words: tuple[str, ...], remedy: str) -> None:
    refused = pratique("apim", *words)
    assert (refused.returncode, remedy in refused.stderr) == (2, True), refused
