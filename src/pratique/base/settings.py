"""The settings: one table, read by the platform, the reference docs and the tests.

A setting comes from the environment as ``PRATIQUE_<NAME>``, else from
``config.toml`` in the home, else from its default. An unknown key in the file
or a value of the wrong type is an error that names the place; an unknown
``PRATIQUE_*`` variable is one as well, because a misspelt limit is no limit.
"""

import os
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Final, Literal

from pratique.base.errors import InvalidInput, Problem

_PREFIX: Final = "PRATIQUE_"
CONFIG: Final = "config.toml"
"""The file of a home in which its owner writes settings."""


@dataclass(frozen=True)
class Setting:
    """One row of the table: its name, how text becomes a value, its default and its meaning."""

    name: str
    read: Callable[[str], Any]
    default: Any
    meaning: str


def _whole(text: str, expected: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise ValueError(f"expected {expected}") from None


def _port(text: str) -> int:
    value = _whole(text, "a port from 0 to 65535")
    if not 0 <= value <= 65535:
        raise ValueError("expected a port from 0 to 65535")
    return value


def _positive(text: str) -> int:
    value = _whole(text, "a whole number above 0")
    if value <= 0:
        raise ValueError("expected a whole number above 0")
    return value


def _count(text: str) -> int:
    value = _whole(text, "a whole number, 0 or more")
    if value < 0:
        raise ValueError("expected a whole number, 0 or more")
    return value


def _level(text: str) -> str:
    if text.lower() not in ("debug", "info", "warning", "error"):
        raise ValueError("expected debug, info, warning or error")
    return text.lower()


def _sandbox(text: str) -> str:
    if text.lower() not in ("auto", "require", "off"):
        raise ValueError("expected auto, require or off")
    return text.lower()


def _conda(text: str) -> str:
    if text.lower() not in ("auto", "never", "always"):
        raise ValueError("expected auto, never or always")
    return text.lower()


def _network(text: str) -> str:
    if text.lower() not in ("machine", "none"):
        raise ValueError("expected machine or none")
    return text.lower()


def _folders(text: str) -> str:
    if not all(folder.startswith("/") for folder in text.split(":") if folder):
        raise ValueError("expected paths that begin with /, separated by colons")
    return text


SETTINGS: Final = (
    Setting("door_port", _port, 7070, "Port of the front door on loopback: API, pages, MLflow."),
    Setting("endpoints_port", _port, 7071, "Port of the endpoints' door on loopback: scoring only."),
    Setting("tls_door_port", _port, 0, "Port of the front door for others, over TLS only; 0: it is closed to them."),
    Setting("tls_endpoints_port", _port, 0, "Port of the endpoints' door for others, over TLS only; 0: it is closed."),
    Setting("tls_address", str, "127.0.0.1", "Address at which these two listen, such as 0.0.0.0 for every one."),
    Setting("tls_names", str, "", "What others call this machine by, names or addresses; separated by commas."),
    Setting("tls_certificate", str, "", "File of a certificate as PEM; empty: the home's own authority makes one."),
    Setting("tls_key", str, "", "File of its key as PEM."),
    Setting("database_url", str, "", "SQLAlchemy URL of a PostgreSQL database; empty means SQLite inside the home."),
    Setting("log_level", _level, "info", "What the platform logs: debug, info, warning or error."),
    Setting("cores", _count, 0, "Cores that jobs and scorers may take; 0 means those of this machine."),
    Setting("memory_gb", _count, 0, "Memory that they may take, in GB (10^9 bytes); 0 means that of this machine."),
    Setting(
        "sandbox", _sandbox, "auto",
        "Keeps jobs and scorers to their own files with bubblewrap: auto (where it works), require or off.",
    ),
    Setting(
        "conda", _conda, "auto",
        "Makes environments with micromamba or conda: auto (those with packages that are not Python), never or always.",
    ),
    Setting(
        "cgroups", _folders, "",
        "Folders of control groups that were handed to the platform, separated by colons: one of v2, or of v1 one for "
        "memory and one for processors. What names a size is bounded by it there.",
    ),
    Setting(
        "job_network", _network, "machine",
        "What jobs may reach that do not say it by the tag pratique.network: machine, or none but the platform's door.",
    ),
    Setting("sandbox_paths", _folders, "", "More folders that they may read then, separated by colons."),
    Setting(
        "trusted_issuers", str, "",
        "OpenID issuers whose tokens federated credentials may name, as they write themselves; separated by commas.",
    ),
    Setting("login_issuer", str, "", "OpenID issuer at which people log in: `pratique login --browser`."),
    Setting("login_client_id", str, "", "What that issuer calls this platform: the audience of its tokens."),
    Setting(
        "login_claim", str, "email", "Claim of its tokens that is the name of the user; email has to be verified."
    ),
    Setting(
        "check_hosts", str, "",
        "Hosts that REST checks, InvokeRESTAPI and policies may ask beside loopback, by https; separated by commas.",
    ),
    Setting(
        "delivery_days", _count, 30,
        "Days after which `prune` removes logs and artifacts of runs of pipelines; 0 keeps them for good.",
    ),
    Setting("repository_poll_seconds", _positive, 60, "Seconds between two looks at what a repository follows."),
    Setting("delivery_runs", _count, 10, "Newest runs of each pipeline that keep theirs, however old."),
    Setting(
        "calls_per_minute", _count, 30_000,
        "Calls of the API and of MLflow that one principal may make, on average; 0: as many as it likes.",
    ),
    Setting(
        "failed_sign_ins_per_minute", _count, 60,
        "Wrong secrets that are heard from one address, on average; 0: as many as come.",
    ),
    Setting("score_body_limit_mb", _positive, 100, "Largest body of a scoring request, in MB (10^6 bytes)."),
    Setting("upload_body_limit_mb", _positive, 20_000, "Largest single uploaded file, in MB (10^6 bytes)."),
)  # fmt: skip

# Variables that belong to the command line rather than to the platform.
CLIENT_VARIABLES: Final = frozenset(
    {
        "PRATIQUE_HOME",
        "PRATIQUE_CONFIG_DIR",
        "PRATIQUE_URL",
        "PRATIQUE_TOKEN",
        "PRATIQUE_RUNTIME_DIR",
        "PRATIQUE_REASON",
    }
)


@dataclass(frozen=True)
class Settings:
    """The settings in force."""

    door_port: int = 7070
    endpoints_port: int = 7071
    tls_door_port: int = 0
    tls_endpoints_port: int = 0
    tls_address: str = "127.0.0.1"
    tls_names: str = ""
    tls_certificate: str = ""
    tls_key: str = ""
    database_url: str = ""
    log_level: str = "info"
    cores: int = 0
    memory_gb: int = 0
    sandbox: Literal["auto", "require", "off"] = "auto"
    conda: Literal["auto", "never", "always"] = "auto"
    cgroups: str = ""
    job_network: Literal["machine", "none"] = "machine"
    sandbox_paths: str = ""
    trusted_issuers: str = ""
    login_issuer: str = ""
    login_client_id: str = ""
    login_claim: str = "email"
    check_hosts: str = ""
    delivery_days: int = 30
    repository_poll_seconds: int = 60
    delivery_runs: int = 10
    calls_per_minute: int = 30_000
    failed_sign_ins_per_minute: int = 60
    score_body_limit_mb: int = 100
    upload_body_limit_mb: int = 20_000

    @property
    def door(self) -> str:
        """The origin of the front door on this machine, without a slash at its end."""
        return f"http://127.0.0.1:{self.door_port}"

    @property
    def endpoints_door(self) -> str:
        """The origin where endpoints answer on this machine."""
        return f"http://127.0.0.1:{self.endpoints_port}"


def load_settings(home: Path, environ: Mapping[str, str] | None = None) -> Settings:
    """The settings of `home`; raises `InvalidInput` with every wrong one."""
    environ = os.environ if environ is None else environ
    problems: list[Problem] = []
    values: dict[str, Any] = {}
    for name, text, place in [*_from_file(home / CONFIG, problems), *_from_environment(environ)]:
        setting = next((row for row in SETTINGS if row.name == name), None)
        if setting is None:
            problems.append(
                Problem("there is no such setting", key=_key(name, place), file=place, hint=_meant(name, place))
            )
            continue
        try:
            values[name] = setting.read(text)
        except ValueError as error:
            said = f"{error}; got {text!r}"
            problems.append(Problem(said, key=_key(name, place), file=place, hint=setting.meaning))
    if problems:
        raise InvalidInput.of(problems, what="settings")
    return Settings(**values)


def _key(name: str, place: str) -> str:
    """What a setting is called in `place`: a file, or the environment, which is none."""
    return name if place else f"{_PREFIX}{name.upper()}"


def _meant(name: str, place: str) -> str:
    """Which setting an unknown one may have meant, else where all of them are listed."""
    near = get_close_matches(name, [row.name for row in SETTINGS], n=1)
    return f"did you mean {_key(near[0], place)}?" if near else "docs/reference/settings.md lists them"


def _from_file(path: Path, problems: list[Problem]) -> list[tuple[str, str, str]]:
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return []
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        problems.append(Problem(str(error), file=str(path)))
        return []
    return [(name, str(value), str(path)) for name, value in table.items()]


def _from_environment(environ: Mapping[str, str]) -> list[tuple[str, str, str]]:
    return [
        (name.removeprefix(_PREFIX).lower(), value, "")
        for name, value in environ.items()
        if name.startswith(_PREFIX) and name not in CLIENT_VARIABLES
    ]


assert {row.name: row.default for row in SETTINGS} == {  # noqa: S101 - the table and the class cannot drift apart.
    field.name: field.default for field in fields(Settings)
}
