"""Run inside an environment with scikit-learn and MLflow: models of many kinds, to be converted or not.

python more_models.py CSV FOLDER
"""

import sys
from typing import Any

import mlflow.pyfunc
import mlflow.sklearn
import numpy as np
import pandas as pd
from mlflow.models import infer_signature
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import (
    BaggingClassifier,
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
    VotingClassifier,
)
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import FixedThresholdClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    MinMaxScaler,
    OneHotEncoder,
    OrdinalEncoder,
    PolynomialFeatures,
    StandardScaler,
)
from sklearn.svm import SVC

# Only read back here, by who has written it.
HOW: dict[str, Any] = {"pip_requirements": [], "serialization_format": "cloudpickle"}


class Constant(mlflow.pyfunc.PythonModel):  # type: ignore[misc] # MLflow is not in this environment.
    """Answers the same to everything."""

    def predict(self, context: Any, model_input: Any, params: Any = None) -> Any:
        return ["same"] * len(model_input)


def largest_first(values: Any) -> Any:
    return np.asarray(values)[:, ::-1]


def main(csv: str, folder: str) -> None:
    rows = pd.read_csv(csv, keep_default_na=False)
    truth = rows.pop("risk")
    numbers = [name for name in rows if rows[name].dtype != object]
    texts = [name for name in rows if rows[name].dtype == object]
    rows = rows.astype(dict.fromkeys(numbers, "float64"))
    holes = rows.copy()
    holes.loc[::7, numbers[:3]] = np.nan

    def encoded(number: Any, text: Any, last: Any) -> Pipeline:
        return Pipeline([("encode", ColumnTransformer([("n", number, numbers), ("t", text, texts)])), ("decide", last)])

    one_hot = OneHotEncoder(handle_unknown="ignore")
    linear = LogisticRegression(max_iter=2000)
    threshold = FixedThresholdClassifier(encoded(StandardScaler(), one_hot, linear), threshold=1 / 6, pos_label="bad")
    save(threshold, rows, truth, f"{folder}/threshold")
    imputed = make_pipeline(SimpleImputer(strategy="median"), StandardScaler())
    save(encoded(imputed, one_hot, linear), holes, truth, f"{folder}/imputed")
    save(encoded(MinMaxScaler(), one_hot, Ridge()), rows, rows["credit_amount"] / 1000, f"{folder}/ridge")
    save(encoded("passthrough", one_hot, GradientBoostingClassifier(n_estimators=30)), rows, truth, f"{folder}/boosted")
    save(encoded(StandardScaler(), one_hot, SVC()), rows, truth, f"{folder}/svm")
    save(make_pipeline(StandardScaler(), linear), rows[numbers], truth, f"{folder}/numbers")
    ordinal = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)
    save(encoded("passthrough", ordinal, linear), rows, truth, f"{folder}/ordinal")
    save(encoded("passthrough", OrdinalEncoder(), linear), rows, truth, f"{folder}/strict")
    save(RandomForestClassifier(50, random_state=17), rows[numbers], truth, f"{folder}/votes")
    save(BaggingClassifier(n_estimators=8, random_state=17), rows[numbers], truth, f"{folder}/bagged")
    save(encoded(PolynomialFeatures(3), one_hot, Ridge()), rows, rows["credit_amount"] / 1000, f"{folder}/products")
    both = VotingClassifier([("linear", linear), ("bayes", GaussianNB())], voting="soft")
    save(make_pipeline(StandardScaler(), both), rows[numbers], truth, f"{folder}/vote")
    words = ColumnTransformer([("words", TfidfVectorizer(), "purpose")])
    save(Pipeline([("encode", words), ("decide", linear)]), rows[["purpose"]], truth, f"{folder}/texts")
    histograms = HistGradientBoostingClassifier(max_iter=40)
    save(encoded("passthrough", OneHotEncoder(sparse_output=False), histograms), holes, truth, f"{folder}/histograms")
    save(HistGradientBoostingClassifier(categorical_features=[0]), rows[numbers], truth, f"{folder}/categories")
    forest = RandomForestClassifier(30, random_state=17)
    save(encoded("passthrough", one_hot, forest), holes, truth, f"{folder}/missing")
    own = make_pipeline(FunctionTransformer(largest_first), linear)
    save(own, rows[numbers], truth, f"{folder}/function")
    save(everything(), *of_every_type(), f"{folder}/everything")
    signature = infer_signature(rows.head(2), ["same"])
    mlflow.pyfunc.save_model(
        f"{folder}/custom", python_model=Constant(), signature=signature, pip_requirements=[], input_example=None
    )
    mlflow.sklearn.save_model(linear.fit(rows[numbers], truth), f"{folder}/unsigned", **HOW)


def of_every_type() -> tuple[pd.DataFrame, Any]:
    """Rows with a column of each type and holes in some, and whether it is so."""
    chance = np.random.default_rng(3)
    rows = pd.DataFrame(
        {
            "amount": np.round(chance.lognormal(6, 2, 500), 2),
            "rate": np.where(chance.random(500) < 0.2, np.nan, chance.normal(0, 1, 500)),
            "count": chance.integers(0, 9, 500),
            "member": chance.random(500) < 0.5,
            "word": chance.choice(np.array(["low", "high", "", None], dtype=object), 500),
            "tone": chance.choice(np.array(["a", "b"], dtype=object), 500),
        }
    )
    score = (
        np.log1p(rows["amount"]) + rows["rate"].isna() * 2 + rows["count"] / 4 + rows["word"].isna() - rows["member"]
    )
    return rows, (score > score.median()).to_numpy()


def everything() -> Pipeline:
    """What has no converter, or one in 32 bits only, before a forest that decides by false and true."""
    parts = [
        ("logarithm", FunctionTransformer(np.log1p), ["amount"]),
        ("hole", SimpleImputer(strategy="median", add_indicator=True), ["rate"]),
        ("words", OneHotEncoder(handle_unknown="ignore"), ["word", "tone"]),
    ]
    return Pipeline(
        [("encode", ColumnTransformer(parts, remainder="passthrough")), ("decide", LogisticRegression(max_iter=900))]
    )


def save(model: Any, rows: pd.DataFrame, truth: pd.Series, folder: str) -> None:
    model.fit(rows, truth)
    example = rows.iloc[1:6]
    signature = infer_signature(example, model.predict(example))
    mlflow.sklearn.save_model(model, folder, signature=signature, input_example=example, **HOW)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
