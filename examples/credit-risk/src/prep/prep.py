"""Prepare: check the applications, keep what the model may see, and split them.

    python src/prep/prep.py --applications data/german-credit.csv --train-data /tmp/train.csv --test-data /tmp/test.csv
"""

import argparse

import pandas as pd

TARGET = "risk"

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


def read(path: str) -> pd.DataFrame:
    """The applicants, one a row. Numbers become float64: a request may then leave one out, or have a fraction."""
    rows = pd.read_csv(path, keep_default_na=False)
    missing = sorted({TARGET, *NUMBERS, *CATEGORIES} - set(rows.columns))
    if missing:
        raise SystemExit(f"{path} has no column {', '.join(missing)}")
    return rows[NUMBERS + CATEGORIES + [TARGET]].astype(dict.fromkeys(NUMBERS, "float64"))


def split(rows: pd.DataFrame, test_share: float, seed: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Rows to train on and rows to judge by, with the same share of each outcome, in the order of the file."""
    test = rows.groupby(TARGET).sample(frac=test_share, random_state=seed).index
    return rows.drop(test), rows.loc[test.sort_values()]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--applications", required=True, help="CSV file")
    parser.add_argument("--test-share", type=float, default=0.25, help="share of the rows to judge by")
    parser.add_argument("--seed", type=int, default=17, help="of the split")
    parser.add_argument("--train-data", required=True, help="CSV file to write")
    parser.add_argument("--test-data", required=True, help="CSV file to write")
    arguments = parser.parse_args()

    train, test = split(read(arguments.applications), arguments.test_share, arguments.seed)
    train.to_csv(arguments.train_data, index=False)
    test.to_csv(arguments.test_data, index=False)
    print(f"{len(train)} applicants to train on, {len(test)} to judge by")


if __name__ == "__main__":
    main()
