"""conda, where the machine has it: makes an environment from a conda file, with what is no Python package.

    micromamba    create --yes --prefix P --file F      env export --explicit --md5 --prefix P
    conda         env create --prefix P --file F        list --explicit --md5 --prefix P
                  create --yes --prefix P --file LIST   when the list of an earlier build is kept

Only packages of conda go through it. Those of the file's ``pip:`` section are
uv's, so that they come with hashes and from the indexes that the user has set.
Files are copied and not linked, because whoever writes into an environment
must not write into conda's cache; and the cache is one of our own, because
some versions of micromamba spoil it when they install from a list.
"""

import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from pratique.base.errors import ComputeFailed
from pratique.compute.installer import Installer, Outcome, Say, last_lines

Mode = str
"""When conda is used: ``auto``, ``never`` or ``always``."""
TOOLS: Final = ("micromamba", "conda")
"""What is looked for on the PATH, the preferred one first."""
REMEDY: Final = "install micromamba or conda so that it is on the PATH of the server, and set conda = 'auto'"
_PASSED: Final = (
    "HOME", "PATH", "LANG", "LC_ALL", "TMPDIR", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "LD_LIBRARY_PATH", "NETRC",
    "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "all_proxy", "no_proxy",
    "SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE",
)  # fmt: skip
_PASSED_PREFIXES: Final = ("CONDA_", "MAMBA_")
_NOT_PASSED: Final = ("CONDA_PREFIX", "CONDA_SHLVL", "CONDA_DEFAULT_ENV", "CONDA_PROMPT_MODIFIER")
"""What says that an environment is active, which is none of ours."""
_EACH: Final = {"ALWAYS_COPY": "true", "ALWAYS_YES": "true"}
_ALWAYS: Final = {f"{tool}_{name}": value for tool in ("CONDA", "MAMBA") for name, value in _EACH.items()}
_QUIET: Final = {"MAMBA_NO_BANNER": "1", "MAMBA_NO_PROGRESS_BARS": "true", "CONDA_QUIET": "true", "NO_COLOR": "1"}


@dataclass(frozen=True)
class Conda:
    """One of the tools, ready to run."""

    program: Path

    @property
    def name(self) -> str:
        """Which tool it is."""
        return self.program.name

    def create(self, prefix: Path, file: Path, *, say: Say, held: int) -> None:
        """Make `prefix` from a conda `file`, or from a list when it ends in ``.txt``; raises `ComputeFailed`."""
        verb = ("env", "create") if self.name == "conda" and file.suffix != ".txt" else ("create", "--yes")
        outcome = self._run(prefix, *verb, "--prefix", str(prefix), "--file", str(file), say=say, held=held, talks=True)
        if not outcome.ok:
            raise _failure(f"{self.name} cannot make the environment", outcome)

    def explicit(self, prefix: Path, *, say: Say, held: int) -> str:
        """Every package of conda in `prefix`, as URLs with MD5, from which it can be made again."""
        verb = ("list",) if self.name == "conda" else ("env", "export")
        outcome = self._run(prefix, *verb, "--explicit", "--md5", "--prefix", str(prefix), say=say, held=held)
        if not outcome.ok or "@EXPLICIT" not in outcome.stdout:
            raise _failure(f"{self.name} does not list what it has installed", outcome)
        return outcome.stdout

    def _run(self, prefix: Path, *arguments: str, say: Say, held: int, talks: bool = False) -> Outcome:
        environment = conda_environment(os.environ, prefix.parent / "conda-packages")
        installer = Installer(self.program, environment, prefix.parent)
        return installer.run(*arguments, say=say, held=held, talks_on_stdout=talks)


def find_conda(environ: Mapping[str, str] | None = None) -> Conda | None:
    """The tool on the PATH; None when there is neither."""
    path = (os.environ if environ is None else environ).get("PATH", os.defpath)
    found = (shutil.which(tool, path=path) for tool in TOOLS)
    return next((Conda(Path(program).absolute()) for program in found if program), None)


def conda_environment(environ: Mapping[str, str], packages: Path) -> dict[str, str]:
    """Of `environ` what conda may see; `packages` is its cache unless the user has set another."""
    kept = {name: value for name, value in environ.items() if _is_passed(name) and value}
    return {"CONDA_PKGS_DIRS": str(packages)} | kept | _ALWAYS | _QUIET


def _is_passed(name: str) -> bool:
    return name in _PASSED or (name.startswith(_PASSED_PREFIXES) and name not in _NOT_PASSED)


def without_pip(text: str) -> tuple[str, tuple[str, ...]]:
    """The conda file `text`, which is JSON, without its pip sections; and the requirements that stood in them."""
    file: dict[str, Any] = json.loads(text)
    entries = file.get("dependencies") or []
    sections = [entry for entry in entries if isinstance(entry, dict)]
    file["dependencies"] = [entry for entry in entries if not isinstance(entry, dict)]
    lines = (line for section in sections for line in section.get("pip") or ())
    return json.dumps(file), tuple(line for line in lines if not line.lstrip().startswith("-"))


def _failure(what: str, outcome: Outcome) -> ComputeFailed:
    hint = "correct the channels and packages of the conda file, or see whether they can be reached"
    return ComputeFailed(last_lines(what, outcome), hint=hint)
