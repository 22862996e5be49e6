"""Evaluate: measure the model and write a report, as JSON for programs and as HTML for people.

    python src/judge/evaluate.py --model /tmp/model --test-data /tmp/test.csv --report /tmp/report
"""

import argparse
import json
from pathlib import Path

import mlflow
import pandas as pd
from metrics import BAD, Counts, Metrics, count, measure, probability_of_bad, read
from sklearn.metrics import roc_curve

PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><title>Report</title>
<style>
  body {{ font: 16px/1.5 system-ui, sans-serif; max-width: 44rem; margin: 2rem auto; padding: 0 1rem; color: #1b1f24 }}
  table {{ border-collapse: collapse; margin: 1rem 0 }}
  td, th {{ padding: .3rem .9rem; border-bottom: 1px solid #d0d7de; text-align: left }}
  td.n {{ text-align: right; font-variant-numeric: tabular-nums }}
  svg {{ border: 1px solid #d0d7de }} polyline {{ fill: none; stroke: #0969da; stroke-width: 2 }} line {{ stroke: #d0d7de }}
</style>
<h1>Credit risk model</h1>
<p>Measured on {rows} applicants that were kept away from the training.
A bad credit costs {costs:g}, a lost customer 1.</p>
<h2>Metrics</h2>
<table><tr><th>metric<th>value</tr>
{metrics}
</table>
<h2>Decisions</h2>
<table><tr><th><th>lent<th>refused</tr>
<tr><th>turned out good<td class="n">{counts.good_lent}<td class="n">{counts.good_lost}</tr>
<tr><th>turned out bad<td class="n">{counts.bad_lent}<td class="n">{counts.bad_found}</tr>
</table>
<h2>Bad credits found (up), by good customers lost (right)</h2>
<svg viewBox="0 0 300 300" width="300" height="300" role="img" aria-label="ROC curve">
<line x1="0" y1="300" x2="300" y2="0"/><polyline points="{curve}"/></svg>
</html>
"""


def page(metrics: Metrics, counts: Counts, rows: int, costs: float, curve: list[tuple[float, float]]) -> str:
    """The report for people: one file that needs no other."""
    lines = (f'<tr><td>{name}<td class="n">{value:.3f}</tr>' for name, value in metrics._asdict().items())
    points = " ".join(f"{300 * lost:.1f},{300 - 300 * found:.1f}" for lost, found in curve)
    return PAGE.format(metrics="\n".join(lines), counts=counts, rows=rows, costs=costs, curve=points)


def roc(model, features: pd.DataFrame, truth: pd.Series) -> list[tuple[float, float]]:
    """Share of good customers lost and of bad credits found, for every place where the line may be drawn."""
    lost, found, _ = roc_curve(truth == BAD, probability_of_bad(model, features))
    return list(zip(lost.tolist(), found.tolist()))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True, help="folder of an MLflow model")
    parser.add_argument("--test-data", required=True, help="CSV file, as prep.py writes it")
    parser.add_argument("--bad-credit-costs", type=float, default=5.0, help="when a lost customer costs 1")
    parser.add_argument("--report", required=True, help="folder to write")
    arguments = parser.parse_args()

    model = mlflow.sklearn.load_model(arguments.model)
    features, truth = read(arguments.test_data)
    costs = arguments.bad_credit_costs
    metrics, counts = measure(model, features, truth, costs), count(model, features, truth)
    document = {
        "metrics": metrics._asdict(),
        "decisions": counts._asdict(),
        "rows": len(truth),
        "bad_credit_costs": costs,
    }

    folder = Path(arguments.report)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "report.json").write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    text = page(metrics, counts, len(truth), costs, roc(model, features, truth))
    (folder / "report.html").write_text(text, encoding="utf-8")
    with mlflow.start_run():
        mlflow.log_metrics(metrics._asdict())
        mlflow.log_artifacts(str(folder), "report")
    for name, value in metrics._asdict().items():
        print(f"{name}: {value:.3f}")


if __name__ == "__main__":
    main()
