"""Runs uv, which locks and installs packages; knows what it may see and what its failures mean.

uv gets a named list of variables and nothing else. Package indexes,
certificates and proxies are the user's own: as they are set for uv, and where
only pip's variables are set, translated.
"""

import re
import subprocess
import tempfile
import threading
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import uv

from pratique.base.errors import ComputeFailed, PratiqueError, StorageFailed

Say = Callable[[str], None]
"""Takes one line of progress, for a person."""

_PASSED: Final = (
    # The machine's.
    "HOME", "PATH", "LANG", "LC_ALL", "TMPDIR", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_CONFIG_DIRS",
    "LD_LIBRARY_PATH", "NETRC",
    # The way to the network.
    "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY",
    "http_proxy", "https_proxy", "all_proxy", "no_proxy",
    "SSL_CERT_FILE", "SSL_CERT_DIR", "SSL_CLIENT_CERT",
    # uv's own.
    "UV_ALLOW_INSECURE_HOST", "UV_CACHE_DIR", "UV_CONCURRENT_BUILDS", "UV_CONCURRENT_DOWNLOADS",
    "UV_CONCURRENT_INSTALLS", "UV_CONFIG_FILE", "UV_CONSTRAINT", "UV_DEFAULT_INDEX", "UV_EXCLUDE_NEWER",
    "UV_EXTRA_INDEX_URL", "UV_FIND_LINKS", "UV_HTTP_RETRIES", "UV_HTTP_TIMEOUT", "UV_INDEX",
    "UV_INDEX_STRATEGY", "UV_INDEX_URL", "UV_INSECURE_HOST", "UV_KEYRING_PROVIDER", "UV_LINK_MODE", "UV_NATIVE_TLS",
    "UV_NO_BUILD", "UV_NO_CACHE", "UV_NO_CONFIG", "UV_NO_INDEX", "UV_OFFLINE", "UV_PRERELEASE", "UV_SYSTEM_CERTS",
    "UV_TORCH_BACKEND",
)  # fmt: skip
_PASSED_PREFIXES: Final = ("UV_INDEX_",)  # UV_INDEX_<NAME>_USERNAME and _PASSWORD.
_FROM_PIP: Final = {
    # pip's variable: (uv's, others that say the same to uv, what separates a list there).
    "PIP_INDEX_URL": ("UV_DEFAULT_INDEX", ("UV_INDEX_URL",), ""),
    "PIP_EXTRA_INDEX_URL": ("UV_EXTRA_INDEX_URL", ("UV_INDEX",), " "),
    "PIP_FIND_LINKS": ("UV_FIND_LINKS", (), ","),
    "PIP_NO_INDEX": ("UV_NO_INDEX", (), ""),
    "PIP_CERT": ("SSL_CERT_FILE", (), ""),
    "PIP_PROXY": ("ALL_PROXY", ("HTTPS_PROXY", "https_proxy", "all_proxy"), ""),
    "PIP_TRUSTED_HOST": ("UV_INSECURE_HOST", ("UV_ALLOW_INSECURE_HOST",), " "),
    "PIP_DEFAULT_TIMEOUT": ("UV_HTTP_TIMEOUT", (), ""),
}
_ALWAYS: Final = {
    "UV_PYTHON_DOWNLOADS": "never",
    "UV_NO_PROGRESS": "1",
    "NO_COLOR": "1",
    "UV_NO_ENV_FILE": "1",
}
_UNLESS_SAID: Final = {"UV_LINK_MODE": "copy"}
"""A hard link into uv's cache would let whoever writes into an environment write into all others."""
_LIMIT: Final = 3600.0
"""Seconds for one run of uv: a large environment over a slow line, or a package that is compiled."""
_SHOWN_LINES: Final = 20
_KEPT_LINES: Final = 400

_SECRET_IN_URL: Final = re.compile(r"(?<=://)[^/\s@]+@")
_NETWORK_IS_AWAY: Final = re.compile(
    r"error sending request|dns error|tcp connect error|client error \(Connect\)|Connection (?:refused|reset)"
    r"|network is unreachable|operation timed out|Failed to fetch",
    re.IGNORECASE,
)
_NOT_IN_CACHE: Final = re.compile(r"network (?:was|is) disabled|not found in the cache", re.IGNORECASE)
_DISK_IS_FULL: Final = re.compile(r"os error (?:28|122|30)\)")  # ENOSPC, EDQUOT, EROFS on Linux.


@dataclass(frozen=True)
class Outcome:
    """How one run of uv went."""

    ok: bool
    stdout: str
    talk: tuple[str, ...]
    """What it said on stderr, without secrets."""

    @property
    def is_network_away(self) -> bool:
        return not self.ok and any(_NETWORK_IS_AWAY.search(line) for line in self.talk)

    @property
    def is_not_in_cache(self) -> bool:
        return not self.ok and any(_NOT_IN_CACHE.search(line) for line in self.talk)


def find_uv() -> Path:
    """The uv that is installed with Pratique; raises `ComputeFailed` when it has gone."""
    try:
        return Path(uv.find_uv_bin())
    except FileNotFoundError as error:
        raise ComputeFailed(
            "uv, which installs environments, is not there", hint="python -m pip install --force-reinstall uv"
        ) from error


def installer_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """Of `environ` what uv may see, with pip's settings in uv's words where uv has none of its own."""
    kept = {name: value for name, value in environ.items() if _is_passed(name) and value}
    for theirs, (ours, same, separator) in _FROM_PIP.items():
        value = environ.get(theirs, "")
        if value and not any(kept.get(name) for name in (ours, *same)):
            kept[ours] = separator.join(value.split()) if separator else value
    return _UNLESS_SAID | kept | _ALWAYS


def _is_passed(name: str) -> bool:
    return name in _PASSED or name.startswith(_PASSED_PREFIXES)


@dataclass(frozen=True)
class Installer:
    """uv, or another program that installs packages, ready to run in `folder`."""

    program: Path
    environment: Mapping[str, str]
    folder: Path

    def run(
        self, *arguments: str, stdin: str = "", say: Say, held: int | None = None, talks_on_stdout: bool = False
    ) -> Outcome:
        """Run it to its end, telling `say` each line as it comes.

        Its stdout is data, unless it `talks_on_stdout` as well as on stderr.

        `held` is a lock's file which uv shares: should this process die, the
        lock stays until uv has ended as well.
        """
        with tempfile.TemporaryFile("w+") as given, tempfile.TemporaryFile("w+") as printed:
            given.write(stdin)
            given.seek(0)
            process = subprocess.Popen(
                [self.program, *arguments],
                stdin=given,
                stdout=subprocess.PIPE if talks_on_stdout else printed,
                stderr=subprocess.STDOUT if talks_on_stdout else subprocess.PIPE,
                env=self.environment,
                cwd=self.folder,
                pass_fds=() if held is None else (held,),
                text=True,
                errors="replace",
            )
            talk = _listen(process, say)
            printed.seek(0)
            return Outcome(process.returncode == 0, printed.read(), talk)


def _listen(process: "subprocess.Popen[str]", say: Say) -> tuple[str, ...]:
    """Pass on what `process` says until it ends; kills it when its time is over or we are interrupted."""
    talk: deque[str] = deque(maxlen=_KEPT_LINES)
    alarm = threading.Timer(_LIMIT, process.kill)
    alarm.start()
    try:
        with process:
            for line in process.stderr or process.stdout or ():
                talk.append(_SECRET_IN_URL.sub("***@", line.rstrip()))
                say(talk[-1])
    except BaseException:
        process.kill()
        raise
    finally:
        alarm.cancel()
    return tuple(talk)


def failure(what: str, outcome: Outcome) -> PratiqueError:
    """The error for a run of uv that failed, with its last lines."""
    said = last_lines(what, outcome)
    if _DISK_IS_FULL.search(said):
        return StorageFailed(said, hint="free space on the disk, or choose another home or UV_CACHE_DIR")
    return ComputeFailed(said, hint=_hint(outcome))


def last_lines(what: str, outcome: Outcome) -> str:
    """`what`, and what the program said last."""
    lines = [line for line in outcome.talk if line.strip()][-_SHOWN_LINES:]
    return "\n".join([f"{what}:", *(f"  {line}" for line in lines)])


def _hint(outcome: Outcome) -> str:
    if outcome.is_not_in_cache:
        return (
            "what is named above is not in uv's cache: connect to the network once, set UV_FIND_LINKS, "
            "or take it from a bundle: pratique up --bundle PATH"
        )
    if outcome.is_network_away:
        return "check the network, HTTPS_PROXY and UV_DEFAULT_INDEX, then try again"
    return "correct the packages of the environment"
