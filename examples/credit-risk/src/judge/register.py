"""Register the model if it is not worse than the champion, and say what was decided and why.

The champion is the newest registered version. It is measured anew, on the same
applicants as the candidate: numbers from other data, or from another day, are
no comparison. A champion that cannot be loaded or measured stops the pipeline:
a gate that fails stays shut.

    registered   there is no champion, or the candidate is not worse: it is the next version
    unchanged    the candidate is the champion, file by file
    kept         the candidate is worse: the champion stays the newest version

    python src/judge/register.py --model /tmp/model --report /tmp/report --test-data /tmp/test.csv \
        --model-name my-model --decision /tmp/decision
"""

import argparse
import hashlib
import json
from pathlib import Path
from typing import NamedTuple

import mlflow
from mlflow.entities.model_registry import ModelVersion
from mlflow.models import Model

METRIC = "cost_per_applicant"  # Less is better.


class Decision(NamedTuple):
    """What was done."""

    decision: str
    reason: str
    model: str
    version: str
    """The newest version from now on."""
    metric: str
    candidate: float
    champion: float | None = None
    champion_version: str | None = None


def newest_version(name: str) -> ModelVersion | None:
    """The champion; None when nothing is registered under `name`."""
    versions = mlflow.MlflowClient().search_model_versions(f"name = '{name}'")
    return max(versions, key=lambda version: int(version.version), default=None)


def digest(folder: Path) -> str:
    """Of a model's files, without what MLflow adds to a model that it downloads."""
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.name != "registered_model_meta")
    parts = (f"{path.relative_to(folder)}\0{hashlib.sha256(path.read_bytes()).hexdigest()}" for path in files)
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def cost_of(folder: Path, arguments: argparse.Namespace) -> float:
    """What the model in `folder` costs per applicant, on the test data."""
    from metrics import measure, read  # Only when there is a champion: scikit-learn takes a second to import.

    model = mlflow.sklearn.load_model(str(folder))
    return measure(model, *read(arguments.test_data), arguments.bad_credit_costs).cost_per_applicant


def register(folder: Path, name: str, metrics: dict[str, float]) -> str:
    """Register what the training run logged, which is what lies in `folder`; the new version."""
    run_id = Model.load(str(folder)).run_id
    tags = {metric: f"{value:.4f}" for metric, value in metrics.items()}
    return str(mlflow.register_model(f"runs:/{run_id}/model", name, tags=tags).version)


def decide(arguments: argparse.Namespace) -> Decision:
    """Compare, and register what is not worse."""
    name, candidate = arguments.model_name, Path(arguments.model)
    metrics = json.loads((Path(arguments.report) / "report.json").read_text(encoding="utf-8"))["metrics"]
    cost = metrics[METRIC]
    champion = newest_version(name)
    if champion is None:
        version = register(candidate, name, metrics)
        return Decision("registered", f"{name} had no version yet", name, version, METRIC, cost)
    version = str(champion.version)
    files = Path(mlflow.artifacts.download_artifacts(f"models:/{name}/{version}"))
    if digest(files) == digest(candidate):
        reason = f"the candidate is version {version}, file by file"
        return Decision("unchanged", reason, name, version, METRIC, cost, cost, version)
    limit = cost_of(files, arguments)
    compared = (METRIC, cost, limit, version)
    if cost > limit + arguments.may_be_worse_by:
        reason = f"{METRIC} {cost:.3f} is worse than {limit:.3f} of version {version}"
        return Decision("kept", reason, name, version, *compared)
    reason = f"{METRIC} {cost:.3f} is not worse than {limit:.3f} of version {version}"
    return Decision("registered", reason, name, register(candidate, name, metrics), *compared)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True, help="folder of the candidate, as train.py writes it")
    parser.add_argument("--report", required=True, help="folder of its report, as evaluate.py writes it")
    parser.add_argument("--test-data", required=True, help="CSV file, as prep.py writes it")
    parser.add_argument("--bad-credit-costs", type=float, default=5.0, help="when a lost customer costs 1")
    parser.add_argument("--may-be-worse-by", type=float, default=0.0, help="of the cost per applicant")
    parser.add_argument("--model-name", required=True, help="in the registry")
    parser.add_argument("--decision", required=True, help="folder to write decision.json into")
    arguments = parser.parse_args()

    with mlflow.start_run():
        decision = decide(arguments)
        mlflow.log_dict(decision._asdict(), "decision.json")
        mlflow.set_tag("decision", decision.decision)
    folder = Path(arguments.decision)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "decision.json").write_text(json.dumps(decision._asdict(), indent=2) + "\n", encoding="utf-8")
    print(f"{decision.decision}: {decision.reason}; the newest version of {decision.model} is {decision.version}")


if __name__ == "__main__":
    main()
