"""Run in the environment `model`: trains what every server serves and writes what is sent to them.

python train.py CSV FOLDER

FOLDER/{lr,rf}/model.joblib     for servers that load a pickle
FOLDER/{lr,rf}/mlflow/          the same as an MLflow model
FOLDER/request-{1,100}.json     `input_data`, a split frame, as Azure takes it
"""

import json
import sys
from pathlib import Path

import joblib
import mlflow.sklearn
import pandas as pd
from mlflow.models import infer_signature
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

TARGET = "risk"


def main(csv: str, folder: Path) -> None:
    """Train both pipelines and write everything."""
    rows = pd.read_csv(csv, keep_default_na=False)
    truth = rows.pop(TARGET)
    numbers = [name for name in rows if rows[name].dtype != object]
    texts = [name for name in rows if rows[name].dtype == object]
    rows = rows.astype(dict.fromkeys(numbers, "float64"))
    estimators = {"lr": LogisticRegression(max_iter=2000), "rf": RandomForestClassifier(100, random_state=17)}
    for name, estimator in estimators.items():
        encode = ColumnTransformer(
            [("numbers", StandardScaler(), numbers), ("texts", OneHotEncoder(handle_unknown="ignore"), texts)]
        )
        model = Pipeline([("encode", encode), ("classify", estimator)]).fit(rows, truth)
        save(model, rows, folder / name)
    for count in (1, 100):
        split = {"columns": list(rows), "data": rows.head(count).to_numpy().tolist()}
        (folder / f"request-{count}.json").write_text(json.dumps({"input_data": split}), encoding="utf-8")


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
    main(sys.argv[1], Path(sys.argv[2]))
