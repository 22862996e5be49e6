"""The model server: runs inside a model's own environment and answers predictions over HTTP.

Standard library only and Python 3.8 or newer, because it is put beside whatever
a user has pinned. The modules, from the wire to the model:

    __main__   arguments, signals, exit codes
    settings   what the environment variables say
    listening  the socket: inherited, a path, or a loopback port
    server     accepts connections, reads requests, drains
    wire       HTTP/1.1: bytes to Request, Response to bytes
    routes     path and method to an answer; identifiers; status codes
    workers    the threads that call the model
    memory     how much of it the process may take
    models     which model it is: `script` (score.py) or `mlflow_model` (with `frames`)
    results    what a model returned, as a Response
    tables     bodies as rows of plain values; `arrow` for those in Arrow's format

Beside them: `identifiers` and `swagger` for what Azure's callers expect; `aml`,
`multipart` and `contrib` for scripts that want the request itself; `errors`, `log`.
"""

__version__ = "0.1.0"
