"""Make numbers of times and places."""

import argparse
from pathlib import Path

import pandas as pd

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--trips", type=Path, required=True)
parser.add_argument("--features", type=Path, required=True)
arguments = parser.parse_args()

trips = pd.read_csv(arguments.trips / "trips.csv", parse_dates=["pickup", "dropoff"])
hour = trips.pickup.dt.hour
features = pd.DataFrame(
    {
        "miles": trips.miles,
        "minutes": (trips.dropoff - trips.pickup).dt.total_seconds() / 60,
        "is_night": ((hour >= 20) | (hour < 6)).astype(int),
        "is_weekend": (trips.pickup.dt.day_of_week >= 5).astype(int),
        "toll": trips.toll,
        "passengers": trips.passengers,
        "fare": trips.fare,
    }
)
arguments.features.mkdir(parents=True, exist_ok=True)
features.to_csv(arguments.features / "features.csv", index=False)
print(f"{len(features)} rows, {features.shape[1] - 1} features")
