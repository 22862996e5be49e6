"""MLServer with a runtime of its own, because its scikit-learn runtime takes no split frame."""

import json

import joblib
import pandas as pd
from fastapi import Request, Response
from mlserver import MLModel
from mlserver.handlers import custom_handler


class Credit(MLModel):
    async def load(self) -> bool:
        self.model = joblib.load(self.settings.parameters.uri)
        return True

    @custom_handler(rest_path="/score")
    async def score(self, request: Request) -> Response:
        frame = (await request.json())["input_data"]
        said = self.model.predict(pd.DataFrame(frame["data"], columns=frame["columns"])).tolist()
        return Response(json.dumps(said), media_type="application/json")
