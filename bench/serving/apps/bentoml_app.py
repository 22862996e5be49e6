"""BentoML, as its guide has it; `bentoml serve bentoml_app:Credit`."""

import os

import bentoml
import joblib
import pandas as pd


@bentoml.service(workers=1)
class Credit:
    def __init__(self) -> None:
        self.model = joblib.load(os.path.join(os.environ["MODEL"], "model.joblib"))

    @bentoml.api(route="/score")
    def score(self, input_data: dict) -> list[str]:
        return self.model.predict(pd.DataFrame(input_data["data"], columns=input_data["columns"])).tolist()
