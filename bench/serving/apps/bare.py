"""The bare bound: nothing but HTTP, JSON, onnxruntime. `uvicorn bare:app`, MODEL is the folder of a converted model."""

import json
import os

import msgspec
import numpy as np
import onnxruntime


class Frame(msgspec.Struct):
    columns: list[str]
    data: list[list[str | float]]


class Body(msgspec.Struct):
    input_data: Frame


options = onnxruntime.SessionOptions()
options.intra_op_num_threads = options.inter_op_num_threads = 1
session = onnxruntime.InferenceSession(os.environ["MODEL"] + "/model.onnx", options)
columns = json.loads(session.get_modelmeta().custom_metadata_map["pratique.columns"])
numbers = [column["name"] for column in columns if "codes" not in column]
codes = [(column["name"], column["codes"].get) for column in columns if "codes" in column]
decode, encode = msgspec.json.Decoder(Body).decode, msgspec.json.Encoder().encode
HEAD = [(b"content-type", b"application/json")]


async def app(scope, receive, send):
    frame = decode((await receive())["body"]).input_data
    at = {name: place for place, name in enumerate(frame.columns)}
    x = np.array([[row[at[name]] for name in numbers] for row in frame.data], np.float64)
    c = np.array([[code(row[at[name]], -1) for name, code in codes] for row in frame.data], np.int64)
    said = session.run(["label"], {"numbers": x, "codes": c})[0].tolist()
    await send({"type": "http.response.start", "status": 200, "headers": HEAD})
    await send({"type": "http.response.body", "body": encode(said)})
