"""What a step does to what: the same fingerprint for the same, and another for anything that could change a result."""

from typing import Any

import pytest

from pratique.control.fingerprints import fingerprint_of

FILES = {"type": "uri_file", "mode": "ro_mount", "manifest": "aa", "name": "rows.csv", "is_file": True, "asset": None}
SPEC: dict[str, Any] = {"command": "run ${{inputs.x}}", "environment_variables": {"A": "1"}, "display_name": "one"}
RESOLVED: dict[str, Any] = {
    "code": {"manifest": "cc", "name": "src"},
    "environment": {"name": "sk", "version": "1", "spec": {"conda_file": {"dependencies": ["numpy"]}, "name": "sk"}},
    "inputs": {"x": FILES, "n": {"literal": 1}},
    "outputs": {"o": {"type": "uri_folder", "name": "asset", "path": "azureml://datastores/d/paths/p"}},
}


def test_names_words_and_places_change_nothing() -> None:
    spec = {**SPEC, "display_name": "two", "tags": {"a": "b"}, "limits": {"timeout": 3}, "compute": "azureml:big"}
    environment = {"name": "other", "version": "9", "spec": {**RESOLVED["environment"]["spec"], "name": "other"}}
    resolved = {**RESOLVED, "environment": environment, "code": {"manifest": "cc", "name": "elsewhere"},
                "outputs": {"o": {"type": "uri_folder"}}}  # fmt: skip
    assert fingerprint_of(spec, resolved) == fingerprint_of(SPEC, RESOLVED)


@pytest.mark.parametrize(
    "changed",
    [
        {"code": {"manifest": "cd", "name": "src"}},
        {"inputs": {**RESOLVED["inputs"], "x": {**FILES, "manifest": "ab"}}},
        {"inputs": {**RESOLVED["inputs"], "x": {**FILES, "name": "other.csv"}}},
        {"inputs": {**RESOLVED["inputs"], "x": {**FILES, "mode": "rw_mount"}}},
        {"inputs": {**RESOLVED["inputs"], "n": {"literal": 1.0}}},
        {"inputs": {**RESOLVED["inputs"], "n": {"literal": True}}},
        {"inputs": {**RESOLVED["inputs"], "n": {"literal": "1"}}},
        {"inputs": {**RESOLVED["inputs"], "n": None}},
        {"outputs": {"o": {"type": "uri_file"}}},
        {"outputs": {}},
        {"environment": {"spec": {"conda_file": {"dependencies": ["numpy", "pandas"]}}}},
    ],
)
def test_whatever_could_change_a_result_changes_it(changed: dict[str, Any]) -> None:
    assert fingerprint_of(SPEC, {**RESOLVED, **changed}) != fingerprint_of(SPEC, RESOLVED)


@pytest.mark.parametrize(
    "changed",
    [{"command": "run  ${{inputs.x}}"}, {"environment_variables": {"A": "2"}}, {"distribution": {"type": "pytorch"}},
     {"resources": {"instance_count": 2}}],
)  # fmt: skip
def test_so_does_what_the_spec_says(changed: dict[str, Any]) -> None:
    assert fingerprint_of({**SPEC, **changed}, RESOLVED) != fingerprint_of(SPEC, RESOLVED)


def test_a_command_that_names_its_job_has_none() -> None:
    assert fingerprint_of({**SPEC, "command": "echo ${{ name }}"}, RESOLVED) == ""
