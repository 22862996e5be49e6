"""Train, evaluate and register a credit risk model.

Everything that happens to a row happens inside the model: encoding, scaling and
the decision itself are steps of one scikit-learn pipeline, so whoever loads the
model sends it an application as it is in the data.

The decision follows the cost matrix that comes with the data: lending to an
applicant who turns out bad costs 5, refusing a good one costs 1. It is therefore
"bad" as soon as the probability of that is above 1/6.

MLflow finds its server, run and experiment in the environment
(MLFLOW_TRACKING_URI, MLFLOW_RUN_ID, MLFLOW_EXPERIMENT_NAME). Without them it
writes into this folder, so the script also runs by itself:

    python src/train.py --training-data data/german-credit.csv
"""

import argparse
from importlib.metadata import version
from typing import NamedTuple

import mlflow
import pandas as pd
from mlflow.models import ModelSignature, infer_signature
from sklearn.compose import ColumnTransformer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, confusion_matrix, roc_auc_score
from sklearn.model_selection import FixedThresholdClassifier, train_test_split
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

TARGET = "risk"
GOOD, BAD = "good", "bad"

COST_OF_A_BAD_CREDIT = 5
COST_OF_A_LOST_CUSTOMER = 1
BAD_ABOVE = COST_OF_A_LOST_CUSTOMER / (COST_OF_A_LOST_CUSTOMER + COST_OF_A_BAD_CREDIT)

# The data also has personal_status (sex and marital status) and foreign_worker. They
# are not the model's business, and stay in the file for those who examine its fairness.
NUMBERS = [
    "duration_months",
    "credit_amount",
    "installment_rate_percent",
    "residence_since",
    "age",
    "existing_credits",
    "dependents",
]
CATEGORIES = [
    "checking_account",
    "credit_history",
    "purpose",
    "savings",
    "employment_since",
    "other_debtors",
    "property",
    "other_installment_plans",
    "housing",
    "job",
    "telephone",
]

# What the model needs to be loaded and to predict, at the versions of conda.yml.
REQUIREMENTS = ["mlflow-skinny", "numpy", "pandas", "scikit-learn", "skops"]


class Evaluation(NamedTuple):
    """How well a model does on applicants it has not seen."""

    auc: float
    accuracy: float
    cost_per_applicant: float
    """By the cost matrix; lending to everybody costs 1.5, to nobody 0.7."""
    bad_found: float
    """Share of the bad credits that are refused."""


def read(path: str) -> pd.DataFrame:
    """The applicants, one a row. Numbers become float64: a request may then leave one out, or have a fraction."""
    rows = pd.read_csv(path, keep_default_na=False)
    missing = sorted({TARGET, *NUMBERS, *CATEGORIES} - set(rows.columns))
    if missing:
        raise SystemExit(f"{path} has no column {', '.join(missing)}")
    return rows.astype(dict.fromkeys(NUMBERS, "float64"))


def build(regularisation: float) -> FixedThresholdClassifier:
    """The untrained model."""
    encode = ColumnTransformer(
        [
            ("numbers", StandardScaler(), NUMBERS),
            ("categories", OneHotEncoder(handle_unknown="ignore"), CATEGORIES),
        ]
    )
    classify = LogisticRegression(C=1 / regularisation, max_iter=2000)
    pipeline = Pipeline([("encode", encode), ("classify", classify)])
    return FixedThresholdClassifier(pipeline, threshold=BAD_ABOVE, pos_label=BAD)


def evaluate(model: FixedThresholdClassifier, rows: pd.DataFrame, truth: pd.Series) -> Evaluation:
    """Metrics on rows that were kept away from the training."""
    said = model.predict(rows)
    bad = model.predict_proba(rows)[:, list(model.classes_).index(BAD)]
    (_, lost), (lent, found) = confusion_matrix(truth, said, labels=[GOOD, BAD])
    return Evaluation(
        auc=roc_auc_score(truth == BAD, bad),
        accuracy=accuracy_score(truth, said),
        cost_per_applicant=(COST_OF_A_BAD_CREDIT * lent + COST_OF_A_LOST_CUSTOMER * lost) / len(truth),
        bad_found=found / (lent + found),
    )


def log_and_register(
    model: FixedThresholdClassifier, example: pd.DataFrame, signature: ModelSignature, name: str
) -> str:
    """Log the model into the run and register it; the new version."""
    logged = mlflow.sklearn.log_model(
        model,
        name="model",
        signature=signature,
        input_example=example,
        serialization_format="skops",
        skops_trusted_types=["numpy.dtype"],
        pip_requirements=pinned(REQUIREMENTS),
        registered_model_name=name,
    )
    return str(logged.registered_model_version)


def pinned(packages: list[str]) -> list[str]:
    """The packages at the versions that are installed here."""
    return [f"{package}=={version(package)}" for package in packages]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--training-data", required=True, help="CSV file")
    parser.add_argument("--test-share", type=float, default=0.25, help="share of the rows to evaluate on")
    parser.add_argument("--regularisation", type=float, default=1.0, help="larger is a simpler model")
    parser.add_argument("--seed", type=int, default=17, help="of the split")
    parser.add_argument("--registered-model-name", default="credit-risk")
    arguments = parser.parse_args()

    rows = read(arguments.training_data)
    features, truth = rows[NUMBERS + CATEGORIES], rows[TARGET]
    x_train, x_test, y_train, y_test = train_test_split(
        features, truth, test_size=arguments.test_share, stratify=truth, random_state=arguments.seed
    )
    print(f"{len(x_train)} applicants to train on, {len(x_test)} to evaluate on")

    with mlflow.start_run():
        mlflow.log_params(vars(arguments) | {"rows": len(rows), "bad_above": round(BAD_ABOVE, 4)})
        model = build(arguments.regularisation).fit(x_train, y_train)
        evaluation = evaluate(model, x_test, y_test)
        mlflow.log_metrics(evaluation._asdict())
        example = x_test.head(2).reset_index(drop=True)
        signature = infer_signature(example, pd.Series(model.predict(example), name=TARGET))
        registered = log_and_register(model, example, signature, arguments.registered_model_name)

    for metric, value in evaluation._asdict().items():
        print(f"{metric}: {value:.3f}")
    print(f"registered {arguments.registered_model_name} version {registered}")


if __name__ == "__main__":
    main()
