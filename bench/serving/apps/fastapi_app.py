"""What many teams write by hand."""

import os

import joblib
import pandas as pd
from fastapi import FastAPI
from pydantic import BaseModel


class Frame(BaseModel):
    columns: list[str]
    data: list[list[str | float]]


class Body(BaseModel):
    input_data: Frame


model = joblib.load(os.path.join(os.environ["MODEL"], "model.joblib"))
app = FastAPI()


@app.post("/score")
def score(body: Body) -> list[str]:
    frame = body.input_data
    return model.predict(pd.DataFrame(frame.data, columns=frame.columns)).tolist()


@app.get("/")
def health() -> str:
    return "ok"
