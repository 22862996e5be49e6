"""What makes a step another one, and what does not."""

from typing import Any

from pratique.control.fingerprints import fingerprint_of

SPEC = {"command": "python train.py ${{inputs.rows}}"}
OUTPUT = {"type": "uri_file", "mode": "ro_mount", "manifest": "1" * 64, "name": "rows", "is_file": True}


def fingerprint(given: dict[str, Any]) -> str:
    return fingerprint_of(SPEC, {"environment": {"spec": {}}, "inputs": {"rows": given}, "outputs": {}})


def test_the_same_bytes_are_the_same_input_whichever_job_made_them() -> None:
    first, second = ({**OUTPUT, "uri": f"azureml://jobs/{job}/outputs/rows"} for job in ("one", "two"))
    assert fingerprint(first) == fingerprint(second)


def test_other_bytes_are_another_input() -> None:
    assert fingerprint(OUTPUT) != fingerprint({**OUTPUT, "manifest": "2" * 64})


def test_a_place_that_the_job_reads_by_itself_is_known_by_its_uri() -> None:
    first, second = ({"type": "uri_file", "mode": "direct", "uri": f"azureml://jobs/{job}"} for job in ("one", "two"))
    assert fingerprint(first) != fingerprint(second)
