"""Makes the data: two small tables of taxi trips that never happened, the same for the same seed.

    python generate.py

Fares follow a rule (a flag fall, miles, minutes, a night surcharge, tolls) with noise, so a
regression has something to find. Two companies write their tables each in their own way, and
some rows are wrong, so there is something to prepare.
"""

import csv
import random
from datetime import datetime, timedelta
from pathlib import Path

SEED, TRIPS, WRONG = 2024, 400, 0.04
START = datetime(2024, 1, 1)
HERE = Path(__file__).parent


def trip(chance: random.Random) -> dict[str, object]:
    """One trip; now and then one without distance or with a fare below zero."""
    pickup = START + timedelta(minutes=chance.randrange(28 * 24 * 60))
    miles = round(chance.lognormvariate(0.9, 0.7), 2)
    is_slow = pickup.weekday() < 5 and 7 <= pickup.hour < 20
    minutes = miles * chance.uniform(4.5, 6.5) * (1.4 if is_slow else 1.0)
    is_night = pickup.hour >= 20 or pickup.hour < 6
    toll = 6.55 if chance.random() < 0.05 else 0.0
    fare = 3.0 + 2.1 * miles + 0.35 * minutes + (1.0 if is_night else 0.0) + toll + chance.gauss(0, 0.8)
    if chance.random() < WRONG:
        miles, fare = (0.0, fare) if chance.random() < 0.5 else (miles, -fare)
    return {
        "pickup": pickup,
        "dropoff": pickup + timedelta(minutes=round(minutes)),
        "passengers": chance.choice((1, 1, 1, 2, 2, 3, 4)),
        "miles": miles,
        "toll": toll,
        "fare": round(fare, 2),
    }


def green(row: dict[str, object]) -> dict[str, object]:
    return {
        "lpep_pickup_datetime": row["pickup"],
        "Lpep_dropoff_datetime": row["dropoff"],
        "Passenger_count": row["passengers"],
        "Trip_distance": row["miles"],
        "Tolls_amount": row["toll"],
        "Total_amount": row["fare"],
    }


def yellow(row: dict[str, object]) -> dict[str, object]:
    return {
        "tpep_pickup_datetime": row["pickup"],
        "tpep_dropoff_datetime": row["dropoff"],
        "passengers": row["passengers"],
        "distance": row["miles"],
        "tolls": row["toll"],
        "total": row["fare"],
    }


def main(folder: Path = HERE / "data") -> None:
    chance = random.Random(SEED)
    folder.mkdir(exist_ok=True)
    for name, as_written in (("green", green), ("yellow", yellow)):
        rows = [as_written(trip(chance)) for _ in range(TRIPS)]
        with (folder / f"{name}.csv").open("w", newline="", encoding="utf-8") as file:
            table = csv.DictWriter(file, rows[0], lineterminator="\n")
            table.writeheader()
            table.writerows(rows)


if __name__ == "__main__":
    main()
