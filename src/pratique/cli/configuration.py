"""Defaults and settings of the command line, in the precedence of `az`.

    a flag  >  AZURE_<SECTION>_<OPTION>  >  config.json of this folder or one above  >  `config` of the user

`config.json` is the file that Azure ML puts into a project folder; it has
`subscription_id`, `resource_group` and `workspace_name`, and takes the place
of az's folder-local configuration. The user's `config` is an INI file like
az's; one that is not there has nothing in it, and nothing is written until
something is set.
"""

import configparser
import io
import json
import os
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from pratique.base.errors import InvalidInput, Problem
from pratique.client.login import configuration_folder, write_private

_BOOLEANS: Final = configparser.ConfigParser.BOOLEAN_STATES
_PROJECT_KEYS: Final = {"group": "resource_group", "workspace": "workspace_name"}


@dataclass(frozen=True)
class Found:
    """A setting's value and where it is written."""

    value: str
    source: str


class Configuration:
    """What knack asks for settings, and what the verbs ask for defaults."""

    defaults_section_name = "defaults"
    use_local_config = False

    def __init__(self, **_: Any) -> None:
        """Knack names folder and prefix; ours follow from the environment, so they are dropped."""
        self.config_dir = str(configuration_folder())
        self.path = configuration_folder() / "config"

    def set_to_use_local_config(self, _: bool) -> None:
        """Knack's switch for folder-local files; `config.json` always counts here."""

    def find(self, section: str, option: str) -> Found | None:
        """The value in force, None when nobody set one."""
        variable = f"AZURE_{section}_{option}".upper()
        if value := os.environ.get(variable):
            return Found(value, variable)
        if section == "defaults" and (value := self._project.get(_PROJECT_KEYS.get(option, ""), "")):
            return Found(value, str(self._project_file))
        if value := self._file.get(section, option, fallback=""):
            return Found(value, str(self.path))
        return None

    def get(self, section: str, option: str, fallback: str = "") -> str:
        found = self.find(section, option)
        return found.value if found else fallback

    def getboolean(self, section: str, option: str, fallback: bool = False) -> bool:
        text = self.get(section, option)
        if not text:
            return fallback
        if text.lower() not in _BOOLEANS:
            raise InvalidInput(f"{section}.{option} is {text!r}; expected true or false")
        return _BOOLEANS[text.lower()]

    def sections(self) -> list[str]:
        """The sections of the user's file."""
        return self._file.sections()

    def options(self, section: str) -> list[str]:
        """The options of a section, from the user's file, the environment and the project."""
        prefix = f"AZURE_{section}_".upper()
        named = [name.removeprefix(prefix).lower() for name in os.environ if name.startswith(prefix)]
        project = (
            [key for key, name in _PROJECT_KEYS.items() if self._project.get(name)] if section == "defaults" else []
        )
        written = self._file.options(section) if self._file.has_section(section) else []
        return sorted({*named, *project, *written})

    def set_value(self, section: str, option: str, value: str) -> None:
        """Write one setting into the user's file; an empty `value` removes it."""
        if not self._file.has_section(section):
            self._file.add_section(section)
        if value:
            self._file.set(section, option, value.replace("%", "%%"))
        else:
            self._file.remove_option(section, option)
        text = io.StringIO()
        self._file.write(text)
        write_private(self.path, text.getvalue())

    @cached_property
    def _file(self) -> configparser.ConfigParser:
        parser = configparser.ConfigParser()
        try:
            parser.read(self.path, encoding="utf-8")
        except (configparser.Error, UnicodeDecodeError, OSError) as error:
            raise InvalidInput.of([Problem(str(error), file=str(self.path))], what="configuration") from error
        return parser

    @cached_property
    def _project_file(self) -> Path | None:
        try:
            here = Path.cwd()
        except FileNotFoundError:
            return None
        # Azure ML's own tools look beside the file and in a folder of this name as well.
        places = (above / name for above in (here, *here.parents) for name in ("config.json", ".azureml/config.json"))
        return next((place for place in places if _names_a_workspace(place)), None)

    @cached_property
    def _project(self) -> dict[str, str]:
        return _project_of(self._project_file) if self._project_file else {}


def _names_a_workspace(path: Path) -> bool:
    """Other programs have a config.json as well: ours names a workspace."""
    return "workspace_name" in _project_of(path)


def _project_of(path: Path) -> dict[str, str]:
    try:
        found = json.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError):
        return {}
    return {key: value for key, value in found.items() if isinstance(value, str)} if isinstance(found, dict) else {}
