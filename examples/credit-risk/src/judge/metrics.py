"""How well a model does on applicants that it has not seen; the same for candidate and champion."""

from typing import NamedTuple

import pandas as pd
from sklearn.metrics import accuracy_score, confusion_matrix, roc_auc_score

TARGET, GOOD, BAD = "risk", "good", "bad"


class Metrics(NamedTuple):
    """Of one model on one set of applicants."""

    auc: float
    accuracy: float
    cost_per_applicant: float
    """When a lost customer costs 1. With bad credits at 5, lending to everybody costs 1.5 and to nobody 0.7."""
    bad_found: float
    """Share of the bad credits that are refused."""


class Counts(NamedTuple):
    """How often each outcome met each decision."""

    good_lent: int
    good_lost: int
    bad_lent: int
    bad_found: int


def read(path: str) -> tuple[pd.DataFrame, pd.Series]:
    """The applicants and what became of them."""
    rows = pd.read_csv(path, keep_default_na=False)
    return rows.drop(columns=TARGET), rows[TARGET]


def probability_of_bad(model, features: pd.DataFrame) -> pd.Series:
    """For each applicant."""
    return pd.Series(model.predict_proba(features)[:, list(model.classes_).index(BAD)])


def count(model, features: pd.DataFrame, truth: pd.Series) -> Counts:
    """What the model decides about each of `features`."""
    table = confusion_matrix(truth, model.predict(features), labels=[GOOD, BAD])
    return Counts(*(int(number) for number in table.ravel()))


def measure(model, features: pd.DataFrame, truth: pd.Series, bad_credit_costs: float) -> Metrics:
    """The metrics of `model`."""
    counts = count(model, features, truth)
    return Metrics(
        auc=float(roc_auc_score(truth == BAD, probability_of_bad(model, features))),
        accuracy=float(accuracy_score(truth, model.predict(features))),
        cost_per_applicant=(bad_credit_costs * counts.bad_lent + counts.good_lost) / len(truth),
        bad_found=counts.bad_found / (counts.bad_lent + counts.bad_found),
    )
