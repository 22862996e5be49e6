"""From a conda file or pip requirements to what can be installed from a Python package index.

A conda environment is more than Python packages, an index has only those. So
names and pins are translated, what has no meaning here (channels, build
strings, what conda itself brings for the interpreter) is dropped, what conda
puts beside Python without being asked (setuptools) is added, and all of that
is listed. What is no Python package (compilers, CUDA, MPI, R, system programs)
is kept by name: conda brings it where the machine has conda, and where not the
environment is refused, because one that silently lacks something fails later
and far away.

    conda                    becomes            why
    numpy=1.26               numpy==1.26.*      a single = matches every 1.26
    numpy==1.26              numpy==1.26        exact
    numpy=1.26=py311h64      numpy==1.26.*      the build string is dropped
    conda-forge::numpy       numpy              the channel is dropped
    pytorch>=2               torch>=2           the name on the index
    python=3.11              (the interpreter)
    openmpi                  conda's, or refused

Only names and versions are taken: URLs, version control, local paths, `-r`,
`-e` and other options of pip would let a file reach for something that
nobody has allowed, and are refused. Options that name a place to look at
besides the index are left out as channels are, and listed.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from pratique.base.errors import InvalidInput, Problem
from pratique.specs.conda_names import INTERPRETERS_OWN, NOT_PYTHON, NOT_PYTHON_PREFIXES, OTHER_NAMES
from pratique.specs.keys import Found, Key
from pratique.specs.reader import YamlDocument, document_of
from pratique.specs.words import did_you_mean, shown

PYTHONS: Final = ("3.11", "3.12", "3.10", "3.13", "3.9", "3.8", "3.14")
"""Versions that a range is matched against, the preferred one first."""

_LEAN: Final = Version("3.13")
"""From this Python on, conda's has no setuptools beside it."""
_SETUPTOOLS: Final = "setuptools<81"
"""Later ones announce the end of pkg_resources at each import, and then lack it."""
_LONGEST: Final = 1000  # Characters of one entry; no requirement comes near.
_CONDA_KEYS: Final = frozenset({"name", "channels", "dependencies", "prefix", "variables"})
_BESIDES: Final = re.compile(r"(--extra-index-url|--find-links|-f|--trusted-host)(?:[=\s]\s*)(\S+)")
"""Options of pip that add a place to look at; without it, the index is asked for the same names as before."""
_WITHOUT_EFFECT: Final = frozenset({"--no-cache-dir", "--prefer-binary", "--upgrade", "-U", "--no-input"})
"""Options of pip that change nothing where every version is settled at once."""
_MATCH: Final = re.compile(r"(?:(?P<channel>[^\s:=<>!~]+)::)?(?P<name>[A-Za-z0-9_][A-Za-z0-9._-]*)\s*(?P<pin>.*)")
_COMPARED: Final = re.compile(r"\s*(===|==|!=|<=|>=|~=|<|>)\s*([^\s=<>!~,|]+)\s*")
_EXACT_BUILD: Final = re.compile(r"(={1,2})?\s*(?P<version>[^\s=<>!~,|]+)(?:\s*=\s*|\s+)(?P<build>[^\s=,|<>!~]+)")


@dataclass(frozen=True)
class PackageRequest:
    """What an environment is made of, before any version is chosen."""

    python: str | None
    """Version of the interpreter, such as ``3.11``; None when any will do."""
    requirements: tuple[str, ...]
    """Requirements as in PEP 508, in the order of the file."""
    notes: tuple[str, ...] = ()
    """How this differs from what the file says, for people to read; empty when it does not."""
    released_before: str | None = None
    """Packages that were released on this day or later are not taken: ``2022-12-31``, or None for no such day."""
    beyond: tuple[str, ...] = ()
    """What the file asks for that is no Python package; only conda brings it."""
    conda: str = ""
    """The conda file itself as JSON; empty where there is none of the user's."""
    may_be_newer: bool = False
    """Whether that day comes from a rule, which gives way when nothing older fits together."""


@dataclass
class _Translation:
    """What has been read so far."""

    python: str | None = None
    requirements: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    beyond: list[str] = field(default_factory=list)
    from_conda: list[str] = field(default_factory=list)
    """Names of the packages that conda was meant to bring."""


class _RefusedError(ValueError):
    """One entry that cannot be taken: the message and a hint."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message, self.hint = message, hint


def from_conda(conda: Mapping[str, Any] | YamlDocument) -> PackageRequest:
    """The packages of a conda file; a `YamlDocument` gives errors their lines.

    Raises `InvalidInput` with every entry that cannot be taken.
    """
    document = conda if isinstance(conda, YamlDocument) else document_of(conda)
    translation = _Translation()
    found = [*_translated(document.value, translation)]
    if found:
        problems = [document.problem(one.key, one.message, hint=one.hint) for one in found]
        raise InvalidInput.of(problems, what=document.file or "conda file")
    _add_setuptools(translation)
    return PackageRequest(
        translation.python,
        tuple(translation.requirements),
        tuple(_notes(translation)),
        beyond=tuple(translation.beyond),
        conda=_as_json(document.value),
    )


def check_python_only(request: PackageRequest) -> None:
    """Raise `InvalidInput` with the name of everything in `request` that is no Python package."""
    if request.beyond:
        names = ", ".join(request.beyond)
        raise InvalidInput(
            f"{names}: no Python package, so it cannot be installed without conda",
            hint="install it on the machine if it is needed, and remove it from the conda file; "
            "or install micromamba or conda, which the setting conda = 'auto' uses",
        )


def problems_with_conda(conda: Mapping[str, Any]) -> Iterator[Found]:
    """What in a conda mapping cannot be taken."""
    return _translated(conda, _Translation())


def from_requirements(text: str, *, file: str = "requirements.txt") -> PackageRequest:
    """The packages of a pip requirements file; raises `InvalidInput` with every line that cannot be taken."""
    requirements: list[str] = []
    notes: list[str] = []
    problems: list[Problem] = []
    # The last line of a requirement that goes on over several is told: its number is at hand.
    for number, line in _logical_lines(text):
        words = re.sub(r"(?<!\s)\s+--hash[= ]\S+", "", re.sub(r"(^|\s)#.*", "", line)).strip()
        if note := _left_out(words):
            notes.append(note)
        if not words or note:
            continue
        try:
            requirements.append(_pip_requirement(words))
        except _RefusedError as error:
            problems.append(Problem(error.message, file=file, line=number, hint=error.hint))
    if problems:
        raise InvalidInput.of(problems, what=file)
    return PackageRequest(None, tuple(requirements), tuple(notes))


def _logical_lines(text: str) -> Iterator[tuple[int, str]]:
    begun = ""
    for number, line in enumerate(text.removeprefix("\ufeff").splitlines(), 1):
        begun += line
        if begun.endswith("\\"):
            begun = begun[:-1]
            continue
        yield number, begun
        begun = ""
    yield 0, begun


# --- conda ---------------------------------------------------------------------------------------------------------


def _translated(conda: Any, into: _Translation) -> Iterator[Found]:
    """Read `conda` into `into`, and yield what cannot be taken."""
    if not isinstance(conda, Mapping):
        yield Found((), f"expected a conda file with dependencies; got {shown(conda)}")
        return
    for name in conda:
        if name not in _CONDA_KEYS:
            hint = did_you_mean(name, _CONDA_KEYS) or f"known: {', '.join(sorted(_CONDA_KEYS))}"
            yield Found((name,), "unknown key", hint)
    into.notes += [f"channel {shown(name)} is not used" for name in _listed(conda.get("channels"))]
    if conda.get("variables") is not None:
        yield Found(("variables",), "variables of a conda file are not set", "write environment_variables in the job")
    dependencies = conda.get("dependencies")
    if dependencies is not None and not isinstance(dependencies, list):
        yield Found(("dependencies",), f"expected a list; got {shown(dependencies)}")
        return
    for index, entry in enumerate(dependencies or ()):
        yield from _entry(entry, ("dependencies", index), into)


def _add_setuptools(into: _Translation) -> None:
    """Add what conda has beside a Python older than 3.13: old packages import its pkg_resources and do not say so."""
    named = {canonicalize_name(Requirement(text).name) for text in into.requirements}
    if named and "setuptools" not in named and Version(into.python or PYTHONS[0]) < _LEAN:
        into.requirements.append(_SETUPTOOLS)
        into.notes.append(f"{_SETUPTOOLS} is added, because conda puts setuptools beside Python")


def _as_json(conda: Mapping[str, Any]) -> str:
    """What of a conda file decides what is installed; its name does not."""
    return json.dumps({key: conda[key] for key in ("channels", "dependencies") if conda.get(key)}, sort_keys=True)


def _notes(translation: _Translation) -> Iterator[str]:
    yield from translation.notes
    yield from (f"{name} is no Python package: only conda brings it" for name in translation.beyond)
    if translation.from_conda:
        yield f"from the Python package index and not from conda: {', '.join(translation.from_conda)}"


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _entry(entry: Any, key: Key, into: _Translation) -> Iterator[Found]:
    if isinstance(entry, Mapping) and set(entry) == {"pip"}:
        yield from _pip_section(entry["pip"], (*key, "pip"), into)
    elif isinstance(entry, str):
        try:
            _conda_package(entry.strip(), into)
        except _RefusedError as error:
            yield Found(key, error.message, error.hint)
    else:
        yield Found(key, f"expected a package such as numpy=1.26, or pip: with a list; got {shown(entry)}")


def _pip_section(section: Any, key: Key, into: _Translation) -> Iterator[Found]:
    if section is not None and not isinstance(section, list):
        yield Found(key, f"expected a list; got {shown(section)}")
        return
    for index, line in enumerate(section or ()):
        try:
            if not isinstance(line, str):
                raise _RefusedError(f"expected a requirement such as numpy==1.26.4; got {shown(line)}")
            _pip_line(re.sub(r"(^|\s)#.*", "", line).strip(), into)
        except _RefusedError as error:
            yield Found((*key, index), error.message, error.hint)


def _pip_line(line: str, into: _Translation) -> None:
    """Read one line of a pip section into `into`; raises `_RefusedError`."""
    if left_out := _left_out(line):
        into.notes.append(left_out)
    else:
        into.requirements.append(_pip_requirement(line))


def _left_out(line: str) -> str:
    """What is told of an option of pip that is left out; empty for every other line."""
    if line in _WITHOUT_EFFECT:
        return f"{line} of pip has no effect"
    besides = _BESIDES.fullmatch(line) if len(line) <= _LONGEST else None
    return f"{besides[1]} is not used: packages come from the index of this machine" if besides else ""


def _conda_package(text: str, into: _Translation) -> None:
    """Read one dependency of conda into `into`; raises `_RefusedError`."""
    found = _MATCH.fullmatch(text) if len(text) <= _LONGEST else None
    if found is None or "[" in text:
        raise _RefusedError(
            f"{shown(text)} is no package with a version that is understood", "write name=1.2 or name>=1.2,<2"
        )
    name = re.sub(r"[-_]+", "-", found["name"].lower()).strip("-")
    if found["channel"]:
        into.notes.append(f"channel {found['channel']} of {name} is not used")
    if name == "python":
        into.python = _python(found["pin"], into)
    elif name in INTERPRETERS_OWN:
        why = "uv installs in its place" if name == "pip" else "every interpreter brings its own"
        into.notes.append(f"{text} is not installed: {why}")
    elif name in NOT_PYTHON or name.startswith(NOT_PYTHON_PREFIXES):
        into.beyond.append(found["name"])
    else:
        pin = _pin(found["pin"], name, into)
        known = OTHER_NAMES.get(name, found["name"].strip("_"))
        into.requirements.append(_requirement(f"{known}{pin}", text))
        into.from_conda.append(known)
        if name in OTHER_NAMES:
            into.notes.append(f"{found['name']} is called {known} on the Python package index")


def _pin(pin: str, name: str, into: _Translation) -> str:
    """conda's pin as one of PEP 440."""
    pin = pin.strip()
    if "|" in pin:
        raise _RefusedError(
            f"{name}: a choice of versions ({pin}) has no counterpart", "write a range such as >=1.2,<2"
        )
    build = _EXACT_BUILD.fullmatch(pin)
    if build and not pin.startswith(("==", "=")) and "=" not in pin[len(build["version"]) :]:
        into.notes.append(f"build {build['build']} of {name} is not asked for")
        return _exact(build["version"])
    if build:
        into.notes.append(f"build {build['build']} of {name} is not asked for")
        return _exact(build["version"]) if pin.startswith("==") else _fuzzy(build["version"])
    if pin in ("", "*", "=*", "==*"):
        return ""
    if re.match(r"=[^=]", pin) and "," not in pin:
        return _fuzzy(pin[1:].strip())
    if pin[0] not in "=<>!~" and "," not in pin:
        return _exact(pin)
    return ",".join(_compared(part, name) for part in pin.split(","))


def _compared(part: str, name: str) -> str:
    if re.match(r"\s*=[^=]", part):
        return _fuzzy(part.strip()[1:].strip())
    found = _COMPARED.fullmatch(part)
    if found is None:
        raise _RefusedError(
            f"{name}: the version {shown(part.strip())} is not understood", "write name=1.2 or name>=1.2,<2"
        )
    operator, version = found.groups()
    if version.endswith("*") and operator not in ("==", "!="):
        version = version.rstrip(".*") or "0"  # conda reads >=1.2.* as >=1.2.
    elif version.endswith("*"):
        version = f"{version.rstrip('.*')}.*"
    return f"{operator}{version}"


def _exact(version: str) -> str:
    return _fuzzy(version) if version.endswith("*") else f"=={version}"


def _fuzzy(version: str) -> str:
    trimmed = version.rstrip(".*")
    return f"=={trimmed}.*" if trimmed else ""


def _requirement(text: str, entry: str) -> str:
    try:
        return str(Requirement(text))
    except InvalidRequirement as error:
        said = f"{shown(entry)} cannot be translated to a requirement of pip"
        raise _RefusedError(said, "write it in the pip: section as name==1.2.3") from error


def _python(pin: str, into: _Translation) -> str | None:
    """The version of the interpreter that `pin` asks for: major and minor."""
    translated = _pin(pin, "python", into)
    if not translated:
        return None
    try:
        allowed = SpecifierSet(translated)
    except InvalidSpecifier as error:
        raise _RefusedError(f"python: the version {shown(pin)} is not understood", "write python=3.11") from error
    exact = re.fullmatch(r"==(\d+)\.(\d+)((?:\.\d+)*)(?:\.\*)?", translated)
    if exact:
        if exact[3]:
            into.notes.append(f"python{pin.strip()}: any {exact[1]}.{exact[2]} is taken")
        return f"{exact[1]}.{exact[2]}"
    # A late patch level stands for the minor version: python>=3.8.5 is met by every 3.8 of today.
    fitting = next((version for version in PYTHONS if _fits(f"{version}.99", allowed)), None)
    if fitting is None:
        raise _RefusedError(f"python{pin}: no version from 3.8 to 3.14 fits", "write for example python=3.11")
    return fitting


def _fits(version: str, allowed: SpecifierSet) -> bool:
    try:
        return Version(version) in allowed
    except InvalidVersion:
        return False


# --- pip -----------------------------------------------------------------------------------------------------------


def _pip_requirement(line: str) -> str:
    """`line` as a requirement with a name and versions; raises `_RefusedError` for anything else."""
    if len(line) > _LONGEST:
        raise _RefusedError(f"{shown(line)} is longer than {_LONGEST} characters", "write names and versions only")
    if line.startswith("-"):
        option = line.split()[0].partition("=")[0]
        raise _RefusedError(f"{option} is an option of pip, which is not taken", "write names and versions only")
    if re.match(r"\.{0,2}/|\.{1,2}$|~|file:|[A-Za-z]:[\\/]", line) or line.endswith(
        (".whl", ".tar.gz", ".zip", ".txt")
    ):
        raise _RefusedError(
            f"{shown(line)} is a local path, which is not taken", "put the code in code:, and names here"
        )
    if re.match(r"(?:git|hg|svn|bzr)\+|[a-z]+://", line):
        raise _RefusedError(f"{shown(line)} is a URL, which is not taken", "write the name and version of a release")
    try:
        requirement = Requirement(line)
    except InvalidRequirement as error:
        hint = "pip pins with ==" if re.search(r"[^=<>!~]=[^=]", line) else "write for example numpy==1.26.4"
        raise _RefusedError(f"{shown(line) or 'an empty line'} is no requirement", hint) from error
    if requirement.url:
        raise _RefusedError(f"{shown(line)} names a URL, which is not taken", "write the name and version of a release")
    if canonicalize_name(requirement.name) == "python":
        raise _RefusedError("python is no package of pip", "write python=3.11 under dependencies of a conda file")
    return str(requirement)
