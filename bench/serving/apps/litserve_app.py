"""LitServe, as its guide has it; `python litserve_app.py PORT`."""

import os
import sys

import joblib
import litserve
import pandas as pd


class Credit(litserve.LitAPI):
    def setup(self, device):
        self.model = joblib.load(os.path.join(os.environ["MODEL"], "model.joblib"))

    def decode_request(self, request):
        frame = request["input_data"]
        return pd.DataFrame(frame["data"], columns=frame["columns"])

    def predict(self, x):
        return self.model.predict(x)

    def encode_response(self, output):
        return output.tolist()


if __name__ == "__main__":
    server = litserve.LitServer(Credit(api_path="/score"))
    server.run(port=int(sys.argv[1]), host="127.0.0.1", num_api_servers=1, generate_client_file=False)
