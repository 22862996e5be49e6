"""Train: fit a credit risk model, write it, and log it into the run.

Everything that happens to a row happens inside the model: encoding, scaling and
the decision itself are steps of one scikit-learn pipeline, so whoever loads the
model sends it an application as it is in the data.

The decision follows the cost matrix that comes with the data: lending to an
applicant who turns out bad costs 5, refusing a good one costs 1. It is therefore
"bad" as soon as the probability of that is above 1/6.

MLflow finds its server, run and experiment in the environment
(MLFLOW_TRACKING_URI, MLFLOW_RUN_ID, MLFLOW_EXPERIMENT_NAME). Without them it
writes into the working folder, so the script also runs by itself:

    python src/train/train.py --train-data /tmp/train.csv --model /tmp/model
"""

import argparse
from importlib.metadata import version

import mlflow
import pandas as pd
from mlflow.models import Model, infer_signature
from sklearn.compose import ColumnTransformer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import FixedThresholdClassifier
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

TARGET, BAD = "risk", "bad"

# What the model needs to be loaded and to predict, at the versions of conda.yml.
REQUIREMENTS = ["mlflow-skinny", "numpy", "pandas", "scikit-learn", "skops"]


def build(features: pd.DataFrame, regularisation: float, bad_above: float) -> FixedThresholdClassifier:
    """The untrained model for `features`; an applicant is bad when the probability of that is above `bad_above`."""
    numbers = list(features.select_dtypes("number").columns)
    categories = [name for name in features.columns if name not in numbers]
    encode = ColumnTransformer(
        [
            ("numbers", StandardScaler(), numbers),
            ("categories", OneHotEncoder(handle_unknown="ignore"), categories),
        ]
    )
    classify = LogisticRegression(C=1 / regularisation, max_iter=2000)
    pipeline = Pipeline([("encode", encode), ("classify", classify)])
    return FixedThresholdClassifier(pipeline, threshold=bad_above, pos_label=BAD)


def write(model: FixedThresholdClassifier, features: pd.DataFrame, folder: str, run_id: str) -> None:
    """Write the model in MLflow's format, with a signature, an example, and the run that it comes from."""
    example = features.head(2).reset_index(drop=True)
    mlflow.sklearn.save_model(
        model,
        folder,
        mlflow_model=Model(artifact_path="model", run_id=run_id),
        signature=infer_signature(example, pd.Series(model.predict(example), name=TARGET)),
        input_example=example,
        serialization_format="skops",
        skops_trusted_types=["numpy.dtype"],
        pip_requirements=[f"{package}=={version(package)}" for package in REQUIREMENTS],
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--train-data", required=True, help="CSV file, as prep.py writes it")
    parser.add_argument("--regularisation", type=float, default=1.0, help="larger is a simpler model")
    parser.add_argument("--bad-credit-costs", type=float, default=5.0, help="when a lost customer costs 1")
    parser.add_argument("--model", required=True, help="folder to write")
    arguments = parser.parse_args()

    rows = pd.read_csv(arguments.train_data, keep_default_na=False)
    features, truth = rows.drop(columns=TARGET), rows[TARGET]
    bad_above = 1 / (1 + arguments.bad_credit_costs)

    with mlflow.start_run() as run:
        mlflow.log_params(
            {"regularisation": arguments.regularisation, "bad_above": round(bad_above, 4), "rows": len(rows)}
        )
        model = build(features, arguments.regularisation, bad_above).fit(features, truth)
        write(model, features, arguments.model, run.info.run_id)
        mlflow.log_artifacts(arguments.model, "model")
    print(f"trained on {len(rows)} applicants with {features.shape[1]} columns")


if __name__ == "__main__":
    main()
