"""Run in the environment `model`: trains what every server serves and writes what is sent to them.

python train.py CSV FOLDER
python train.py --growing CSV FOLDER

FOLDER/{lr,rf}/model.joblib     for servers that load a pickle
FOLDER/{lr,rf}/mlflow/          the same as an MLflow model
FOLDER/request-N.json           `input_data`, a split frame of so many rows, as Azure takes it

FOLDER/columns-N/{mlflow/,request-1.json}    logistic regression on so many numbers
FOLDER/trees-N/{mlflow/,request-1.json}      a forest of so many trees
"""

import json
import sys
from pathlib import Path
from typing import Any

import joblib
import mlflow.sklearn
import numpy as np
import pandas as pd
from mlflow.models import infer_signature
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

TARGET = "risk"
COUNTS = (1, 10, 100, 1000)
COLUMNS = (10, 50, 200)
TREES = (10, 300)


def main(csv: str, folder: Path) -> None:
    """Train both pipelines and write everything."""
    rows = pd.read_csv(csv, keep_default_na=False)
    truth = rows.pop(TARGET)
    estimators = {"lr": LogisticRegression(max_iter=2000), "rf": RandomForestClassifier(100, random_state=17)}
    for name, estimator in estimators.items():
        rows, model = pipeline_of(rows, estimator)
        save(model.fit(rows, truth), rows, folder / name)
    for count in COUNTS:
        write_request(rows, count, folder)


def grow(csv: str, folder: Path) -> None:
    """Train models with more and more columns and trees."""
    chance = np.random.default_rng(17)
    for count in COLUMNS:
        rows = pd.DataFrame(chance.normal(size=(1000, count)), columns=[f"column{number}" for number in range(count)])
        truth = pd.Series(np.where(rows.sum(axis=1) > 0, "good", "bad"), name=TARGET)
        save(make_pipeline(StandardScaler(), LogisticRegression()).fit(rows, truth), rows, folder / f"columns-{count}")
        write_request(rows, 1, folder / f"columns-{count}")
    rows = pd.read_csv(csv, keep_default_na=False)
    truth = rows.pop(TARGET)
    for count in TREES:
        rows, model = pipeline_of(rows, RandomForestClassifier(count, random_state=17))
        save(model.fit(rows, truth), rows, folder / f"trees-{count}")
        write_request(rows, 1, folder / f"trees-{count}")


def write_request(rows: pd.DataFrame, count: int, folder: Path) -> None:
    """The first rows as what is sent."""
    split = {"columns": list(rows), "data": rows.head(count).to_numpy().tolist()}
    (folder / f"request-{count}.json").write_text(json.dumps({"input_data": split}), encoding="utf-8")


def pipeline_of(rows: pd.DataFrame, estimator: Any) -> tuple[pd.DataFrame, Pipeline]:
    """The rows with numbers as fractions, and the pipeline for them, not fitted."""
    numbers = [name for name in rows if rows[name].dtype != object]
    texts = [name for name in rows if rows[name].dtype == object]
    encode = ColumnTransformer(
        [("numbers", StandardScaler(), numbers), ("texts", OneHotEncoder(handle_unknown="ignore"), texts)]
    )
    return rows.astype(dict.fromkeys(numbers, "float64")), Pipeline([("encode", encode), ("classify", estimator)])


def save(model: Pipeline, rows: pd.DataFrame, folder: Path) -> None:
    """As a pickle and as an MLflow model."""
    folder.mkdir(parents=True, exist_ok=True)
    joblib.dump(model, folder / "model.joblib")
    example = rows.head(5)
    signature = infer_signature(example, pd.Series(model.predict(example), name=TARGET))
    mlflow.sklearn.save_model(
        model, folder / "mlflow", signature=signature, input_example=example, serialization_format="cloudpickle"
    )


if __name__ == "__main__":
    *how, csv, folder = sys.argv[1:]
    (grow if how == ["--growing"] else main)(csv, Path(folder))
