"""What uv may see, and what its failures mean."""

import pytest

from pratique.base.errors import ComputeFailed, StorageFailed
from pratique.compute.installer import Outcome, failure, installer_environment


def test_uv_sees_named_variables_only() -> None:
    seen = installer_environment(
        {
            "HOME": "/h",
            "PATH": "/bin",
            "AWS_SECRET_ACCESS_KEY": "s",
            "PRATIQUE_TOKEN": "t",
            "PYTHONDONTWRITEBYTECODE": "1",
            "VIRTUAL_ENV": "/v",
        }
    )
    assert {name for name in seen if not name.startswith(("UV_", "NO_COLOR"))} == {"HOME", "PATH"}


def test_uv_never_downloads_a_python() -> None:
    assert installer_environment({"UV_PYTHON_DOWNLOADS": "automatic"})["UV_PYTHON_DOWNLOADS"] == "never"


@pytest.mark.parametrize(
    ("pip", "uv"),
    [
        ({"PIP_INDEX_URL": "https://i/simple"}, {"UV_DEFAULT_INDEX": "https://i/simple"}),
        ({"PIP_EXTRA_INDEX_URL": "https://a\n https://b"}, {"UV_EXTRA_INDEX_URL": "https://a https://b"}),
        ({"PIP_FIND_LINKS": "/wheels https://c"}, {"UV_FIND_LINKS": "/wheels,https://c"}),
        ({"PIP_NO_INDEX": "1"}, {"UV_NO_INDEX": "1"}),
        ({"PIP_CERT": "/ca.pem"}, {"SSL_CERT_FILE": "/ca.pem"}),
        ({"PIP_PROXY": "http://p:1"}, {"ALL_PROXY": "http://p:1"}),
        ({"PIP_TRUSTED_HOST": "a b"}, {"UV_INSECURE_HOST": "a b"}),
        ({"PIP_DEFAULT_TIMEOUT": "180"}, {"UV_HTTP_TIMEOUT": "180"}),
    ],
)
def test_pips_settings_are_said_in_uvs_words(pip: dict[str, str], uv: dict[str, str]) -> None:
    seen = installer_environment(pip)
    assert {name: seen.get(name) for name in uv} == uv
    assert not set(seen) & set(pip)


@pytest.mark.parametrize(
    "own",
    [{"UV_DEFAULT_INDEX": "https://own"}, {"UV_INDEX_URL": "https://own"}],
)
def test_uvs_own_settings_win_over_pips(own: dict[str, str]) -> None:
    seen = installer_environment({"PIP_INDEX_URL": "https://pip", **own})
    assert "https://pip" not in seen.values()
    assert "https://own" in seen.values()


def test_an_empty_setting_is_none() -> None:
    seen = installer_environment({"UV_DEFAULT_INDEX": "", "PIP_INDEX_URL": "https://pip"})
    assert seen["UV_DEFAULT_INDEX"] == "https://pip"


def test_credentials_of_named_indexes_reach_uv() -> None:
    assert installer_environment({"UV_INDEX_OURS_PASSWORD": "p"})["UV_INDEX_OURS_PASSWORD"] == "p"


def test_a_failure_carries_the_last_lines_of_uv() -> None:
    talk = tuple(f"line {number}" for number in range(100))
    error = failure("it failed", Outcome(False, "", talk))
    assert isinstance(error, ComputeFailed)
    assert error.message.splitlines() == ["it failed:", *(f"  line {number}" for number in range(80, 100))]


@pytest.mark.parametrize("code", [28, 122, 30])
def test_a_full_or_read_only_disk_is_a_storage_failure(code: int) -> None:
    talk = ("error: failed to write to file", f"  cause: something (os error {code})")
    assert isinstance(failure("it failed", Outcome(False, "", talk)), StorageFailed)


@pytest.mark.parametrize(
    ("line", "hint"),
    [
        ("  cause: dns error", "check the network"),
        ("  cause: Because x was not found in the cache and you require x", "connect to the network once"),
        ("  cause: Because there is no version of x==9", "correct the packages"),
    ],
)
def test_a_failure_says_what_to_do(line: str, hint: str) -> None:
    assert hint in failure("it failed", Outcome(False, "", ("error: no", line))).hint
