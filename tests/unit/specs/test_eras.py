"""Which day an environment with old pins belongs to."""

from datetime import date

import pytest

from pratique.specs.eras import NUMPY_2, SLACK, era_of, releases


def test_the_newest_pin_dates_an_environment() -> None:
    era = era_of(["scikit-learn==0.24.2", "pandas==1.1.5", "joblib", "unknown==1.0"])
    assert era is not None
    assert (era.pin, era.ended) == ("scikit-learn 0.24", date(2021, 4, 28) + SLACK)


@pytest.mark.parametrize("pin", ["numpy==1.21.2", "numpy==1.21.*", "NumPy==1.21", "numpy[x]==1.21.6"])
def test_a_pin_is_as_old_as_its_minor_version(pin: str) -> None:
    era = era_of([pin])
    assert era is not None
    assert era.ended == date(2022, 4, 12) + SLACK


def test_a_minor_version_between_two_of_the_table_is_as_old_as_the_one_before() -> None:
    era = era_of(["mlflow==1.21.0"])
    assert era is not None
    assert era.ended == releases()["mlflow"]["1.20"] + SLACK


@pytest.mark.parametrize(
    "requirements",
    [
        [], ["numpy"], ["numpy>=1.21"], ["numpy<1.22"], ["numpy~=1.21.0"], ["unknown==1.0"],
        ["numpy==2.1.0"], ["scikit-learn==1.5.2"], ["numpy==1.21.2", "scikit-learn==1.6.1"],
    ],
)  # fmt: skip
def test_without_an_old_pin_there_is_no_such_day(requirements: list[str]) -> None:
    assert era_of(requirements) is None


def test_the_table_ends_before_numpy_2() -> None:
    assert all(day < NUMPY_2 for days in releases().values() for day in days.values())
