"""A pipeline runs its steps in the order of what they need, whoever begins and whoever ends it."""

from typing import Any

from .conftest import House

CHAIN: dict[str, Any] = {
    "prep": {
        "command": "tr a-z A-Z < ${{inputs.raw}} > ${{outputs.clean}}/rows.csv",
        "inputs": {"raw": {"type": "uri_file", "path": "${{parent.inputs.raw}}"}},
        "outputs": {"clean": {"type": "uri_folder"}},
    },
    "train": {
        "command": "(cat ${{inputs.rows}}/rows.csv; echo ${{inputs.rate}}) > ${{outputs.model}}",
        "inputs": {"rows": "${{parent.jobs.prep.outputs.clean}}", "rate": "${{parent.inputs.rate}}"},
        "outputs": {"model": {"type": "uri_file"}},
    },
    "score": {
        "command": "cat ${{inputs.model}} > ${{outputs.said}}",
        "inputs": {"model": "${{parent.jobs.train.outputs.model}}"},
        "outputs": {"said": "${{parent.outputs.said}}"},
    },
}


def chain(house: House, raw: str = "a,b\n", rate: float = 0.5, **spec: Any) -> str:
    """Three steps, each of which needs the one before."""
    return house.submit_pipeline(
        CHAIN,
        inputs={"raw": {"type": "uri_file", "path": house.upload({"raw.csv": raw}, "raw.csv")}, "rate": rate},
        outputs={"said": {"type": "uri_file"}},
        **spec,
    )


def statuses(house: House, name: str) -> dict[str, str]:
    return {step: job.status for step, job in house.steps(name).items()}


def test_three_steps_hand_their_outputs_on(house: House) -> None:
    name = chain(house)
    assert statuses(house, name) == dict.fromkeys(("prep", "train", "score"), "NotStarted")
    job = house.run_pipeline(name)
    assert job.status == "Completed", (
        job.error,
        {step: house.log(row.name) for step, row in house.steps(name).items()},
    )
    assert statuses(house, name) == dict.fromkeys(("prep", "train", "score"), "Completed")
    assert house.text_of(name, "said") == "A,B\n0.5\n"
