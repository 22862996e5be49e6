"""The model server: runs inside a model's own environment and answers predictions over HTTP.

Standard library only and Python 3.8 or newer, because it is put beside whatever
a user has pinned. The modules, from the wire to the model:

    __main__     arguments, signals, exit codes
    settings     what the environment variables say, and the file beside them (`config_file`)
    listening    the socket: inherited, a path, or a loopback port
    connections  accepts (`accepting`), reads, sends, gives up, drains: each a `connection`, woken by a `bell`
    wire         HTTP/1.1: bytes to Request, Response to bytes
    server       the two threads that take turns; `workers`, more threads that call the model
    calls        what waits for the model and what goes on; `memory`, how much of it the process may take
    routes       path and method to an answer; identifiers; status codes
    models       which model it is: `script` (score.py), `mlflow_model` (with `frames` and `flavours`),
                 or `onnx_model` (with `onnx_rows` and `onnx_tensors`)
    tables       bodies as rows of plain values; `arrow` (with `flatbuffer`) for those in Arrow's format
    together     one call of the model for requests that wait; `columns` says when that changes nothing
    results      what a model returned, as a Response

Beside them
    for what Azure's callers expect: `identifiers`, `swagger`, `cors`
    for scripts: `aml`, `aml_response`, `header_values`, `multidict` and `multipart` (the request and the response
    themselves), `contrib` (by Azure's names), `log_config`, `alarm`
    for other callers: `oip` (the Open Inference Protocol), `grpc_door` (with `protobuf`)
    for whoever watches: `metrics`, `log`, `collecting` (with `redaction`; `monitoring` for scripts)
    programs of their own: `convert` (a model as ONNX, proven by `parity`), `profile` (the load that it bears)
"""

__version__ = "0.1.0"
