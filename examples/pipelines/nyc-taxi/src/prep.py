"""Bring both companies' tables into one form and leave out what cannot be."""

import argparse
from pathlib import Path

import pandas as pd

COLUMNS = {
    "green.csv": {
        "lpep_pickup_datetime": "pickup",
        "Lpep_dropoff_datetime": "dropoff",
        "Passenger_count": "passengers",
        "Trip_distance": "miles",
        "Tolls_amount": "toll",
        "Total_amount": "fare",
    },
    "yellow.csv": {
        "tpep_pickup_datetime": "pickup",
        "tpep_dropoff_datetime": "dropoff",
        "passengers": "passengers",
        "distance": "miles",
        "tolls": "toll",
        "total": "fare",
    },
}

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--trips", type=Path, required=True)
parser.add_argument("--clean", type=Path, required=True)
arguments = parser.parse_args()

tables = [
    pd.read_csv(arguments.trips / name).rename(columns=columns)[list(columns.values())].assign(company=name[:-4])
    for name, columns in COLUMNS.items()
]
trips = pd.concat(tables, ignore_index=True)
possible = trips[(trips.miles > 0) & (trips.fare > 0)]
arguments.clean.mkdir(parents=True, exist_ok=True)
possible.to_csv(arguments.clean / "trips.csv", index=False)
print(f"{len(trips)} trips, {len(trips) - len(possible)} of them impossible")
