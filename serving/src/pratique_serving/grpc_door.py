"""The Open Inference Protocol over gRPC: another door to the same server, on a socket of its own.

A call becomes a request of the protocol over HTTP, on a connection inside this
process, and the answer becomes gRPC again. So limits, metrics, collection and
statuses are those of every other request; gRPC costs its own threads on top.

It needs `grpcio` (`pratique-serving[grpc]`), which nothing else here does.
"""

import array
import http.client
import json
import os
import socket
import struct
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Callable, Dict, List, Tuple

import grpc

from pratique_serving import protobuf
from pratique_serving.errors import Usage

SERVICE = "/inference.GRPCInferenceService/"
THREADS = 16
GRACE_SECONDS = 2.0

_CODES = {
    400: grpc.StatusCode.INVALID_ARGUMENT,
    404: grpc.StatusCode.NOT_FOUND,
    408: grpc.StatusCode.DEADLINE_EXCEEDED,
    413: grpc.StatusCode.RESOURCE_EXHAUSTED,
    429: grpc.StatusCode.RESOURCE_EXHAUSTED,
    431: grpc.StatusCode.INVALID_ARGUMENT,
    503: grpc.StatusCode.UNAVAILABLE,
}
_RAW = {
    "BOOL": "B", "INT8": "b", "INT16": "h", "INT32": "i", "INT64": "q", "UINT8": "B", "UINT16": "H", "UINT32": "I",
    "UINT64": "Q", "FP32": "f", "FP64": "d",
}  # fmt: skip
# Of InferTensorContents.
_CONTENTS = {
    "BOOL": 1, "INT8": 2, "INT16": 2, "INT32": 2, "INT64": 3, "UINT8": 4, "UINT16": 4, "UINT32": 4, "UINT64": 5,
    "FP32": 6, "FP64": 7, "BYTES": 8,
}  # fmt: skip

Adopt = Callable[[socket.socket], None]


class GrpcDoor:
    """A gRPC server; `adopt` gives the model server one end of a connection."""

    def __init__(self, address: str, adopt: Adopt, most_bytes: int) -> None:
        self._adopt = adopt
        self._own = threading.local()
        options = [("grpc.max_receive_message_length", most_bytes), ("grpc.so_reuseport", 0)]
        self._server = grpc.server(ThreadPoolExecutor(THREADS), options=options)
        self._server.add_generic_rpc_handlers((_Methods(self),))
        before = os.umask(0o177)
        try:
            bound = self._server.add_insecure_port(_checked(address))
        except RuntimeError as error:
            raise Usage(f"PRATIQUE_GRPC: cannot listen on {address}: {error}") from None
        finally:
            os.umask(before)
        if not bound:
            raise Usage(f"PRATIQUE_GRPC: cannot listen on {address}")
        self.port = bound

    def start(self) -> None:
        """Take calls, in threads of its own."""
        self._server.start()

    def stop(self) -> None:
        """Take no more calls, once the model server has answered those that were here."""
        self._server.stop(GRACE_SECONDS).wait(GRACE_SECONDS)

    def ask(self, context: Any, method: str, path: str, body: bytes = b"", **headers: str) -> Dict[str, Any]:
        """The answer of the model server; one that is not 200 ends the call with gRPC's code for it."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        for name, value in context.invocation_metadata():
            if name in ("traceparent", "tracestate", "x-request-id", "x-ms-client-request-id"):
                named[name] = value
        connection = self._connection()
        try:
            connection.request(method, path, body or None, named)
            answer = connection.getresponse()
            said = answer.read()
        except (OSError, http.client.HTTPException) as error:
            self._own.connection = None
            context.abort(grpc.StatusCode.UNAVAILABLE, f"the model server has gone: {type(error).__name__}")
        if answer.status != 200:
            context.abort(_CODES.get(answer.status, grpc.StatusCode.INTERNAL), _message(said))
        found: Dict[str, Any] = json.loads(said) if said else {}
        return found

    def _connection(self) -> http.client.HTTPConnection:
        known = getattr(self._own, "connection", None)
        if known is None or known.sock is None:
            ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
            self._adopt(theirs)
            known = self._own.connection = http.client.HTTPConnection("localhost")
            known.sock = ours
        connection: http.client.HTTPConnection = known
        return connection


class _Methods(grpc.GenericRpcHandler):  # type: ignore[misc] # grpc is not in this environment.
    """The methods of the service."""

    def __init__(self, door: GrpcDoor) -> None:
        self._door = door

    def service(self, details: Any) -> Any:
        """What answers a call; None for a method that there is not."""
        if not details.method.startswith(SERVICE):
            return None
        answer = {
            "ServerLive": self._live,
            "ServerReady": self._ready,
            "ModelReady": self._model_ready,
            "ServerMetadata": self._metadata,
            "ModelMetadata": self._model_metadata,
            "ModelInfer": self._infer,
        }.get(details.method[len(SERVICE) :])
        return grpc.unary_unary_rpc_method_handler(_refusing(answer)) if answer is not None else None

    def _live(self, request: bytes, context: Any) -> bytes:  # noqa: ARG002 - gRPC's signature.
        self._door.ask(context, "GET", "/v2/health/live")
        return protobuf.of_truth(1, True)

    def _ready(self, request: bytes, context: Any) -> bytes:  # noqa: ARG002
        self._door.ask(context, "GET", "/v2/health/ready")
        return protobuf.of_truth(1, True)

    def _model_ready(self, request: bytes, context: Any) -> bytes:
        self._door.ask(context, "GET", f"{_path(request)}/ready")
        return protobuf.of_truth(1, True)

    def _metadata(self, request: bytes, context: Any) -> bytes:  # noqa: ARG002
        found = self._door.ask(context, "GET", "/v2")
        extensions = b"".join(protobuf.of_text(3, name) for name in found["extensions"])
        return protobuf.of_text(1, found["name"]) + protobuf.of_text(2, found["version"]) + extensions

    def _model_metadata(self, request: bytes, context: Any) -> bytes:
        found = self._door.ask(context, "GET", _path(request))
        tensors = [
            protobuf.of_bytes(number, _described(tensor))
            for number, key in ((4, "inputs"), (5, "outputs"))
            for tensor in found[key]
        ]
        return protobuf.of_text(1, found["name"]) + protobuf.of_text(3, found["platform"]) + b"".join(tensors)

    def _infer(self, request: bytes, context: Any) -> bytes:
        asked = protobuf.fields(request)
        inputs, raw = _inputs(asked)
        head = json.dumps({"id": protobuf.text(asked, 3), "inputs": inputs}).encode()
        found = self._door.ask(
            context,
            "POST",
            f"{_path(request)}/infer",
            head + b"".join(raw),
            content_type="application/octet-stream",
            inference_header_content_length=str(len(head)),
        )
        said = [protobuf.of_text(1, found["model_name"]), protobuf.of_text(3, str(found.get("id", "")))]
        said += [protobuf.of_bytes(5, _described(output)) for output in found["outputs"]]
        said += [protobuf.of_bytes(6, _to_raw(output)) for output in found["outputs"]]
        return b"".join(said)


def _refusing(answer: Callable[[bytes, Any], bytes]) -> Callable[[bytes, Any], bytes]:
    """`answer`, with the caller told of what cannot be read."""

    def answered(request: bytes, context: Any) -> bytes:
        try:
            return answer(request, context)
        except (ValueError, KeyError, struct.error, OverflowError) as error:
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, f"The inference request cannot be read: {error}")
            raise

    return answered


def _path(request: bytes) -> str:
    """Of the model that a request names."""
    asked = protobuf.fields(request)
    name, version = protobuf.text(asked, 1), protobuf.text(asked, 2)
    if not name or not all(part.isascii() and part.isprintable() and "/" not in part for part in (name, version)):
        raise ValueError("the name of the model is none")
    return f"/v2/models/{name.replace(' ', '%20')}" + (f"/versions/{version.replace(' ', '%20')}" if version else "")


def _inputs(asked: protobuf.Fields) -> Tuple[List[Dict[str, Any]], List[bytes]]:
    """The tensors as the protocol over HTTP has them, and the bytes behind it."""
    raw = protobuf.messages(asked, 7)
    inputs = []
    for place, message in enumerate(protobuf.messages(asked, 5)):
        tensor = protobuf.fields(message)
        kind = protobuf.text(tensor, 2)
        one: Dict[str, Any] = {
            "name": protobuf.text(tensor, 1), "datatype": kind, "shape": protobuf.numbers(tensor, 3)
        }  # fmt: skip
        if raw:
            one["parameters"] = {"binary_data_size": len(raw[place]) if place < len(raw) else 0}
        else:
            one["data"] = _contents(tensor, kind)
        inputs.append(one)
    if raw and len(raw) != len(inputs):
        raise ValueError(f"there are {len(inputs)} inputs and raw contents of {len(raw)}")
    return inputs, raw


def _contents(tensor: protobuf.Fields, kind: str) -> List[Any]:
    found = protobuf.fields(b"".join(protobuf.messages(tensor, 5)))
    number = _CONTENTS.get(kind)
    if number is None:
        raise ValueError(f"tensors of type {kind!r} come as raw contents only")
    if kind == "BYTES":
        return [value.decode("utf-8") for value in protobuf.messages(found, number)]
    if kind in ("FP32", "FP64"):
        return protobuf.fractions(found, number, "f" if kind == "FP32" else "d")
    values = protobuf.numbers(found, number, 0 if kind.startswith("U") else 64)
    return [bool(value) for value in values] if kind == "BOOL" else values


def _described(tensor: Dict[str, Any]) -> bytes:
    """TensorMetadata and InferOutputTensor, which have these fields alike."""
    head = protobuf.of_text(1, tensor["name"]) + protobuf.of_text(2, tensor["datatype"])
    return head + protobuf.of_numbers(3, tensor["shape"])


def _to_raw(output: Dict[str, Any]) -> bytes:
    values = output["data"]
    if output["datatype"] == "BYTES":
        texts = [(value if isinstance(value, str) else json.dumps(value)).encode() for value in values]
        return b"".join(struct.pack("<I", len(text)) + text for text in texts)
    code = _RAW[output["datatype"]]
    missing = float("nan")
    made = array.array(code, [missing if value is None else value for value in values])
    if sys.byteorder == "big":
        made.byteswap()
    return made.tobytes()


def _message(said: bytes) -> str:
    try:
        found = json.loads(said)
    except ValueError:
        return "the model server refused it"
    return str(found.get("error") or found.get("message") or "") if isinstance(found, dict) else ""


def _checked(address: str) -> str:
    """Raises Usage unless it is a unix socket or a loopback port."""
    host, _, port = address.rpartition(":")
    if address.startswith("unix:/") or (host == "127.0.0.1" and port.isdigit()):
        return address
    raise Usage(f"PRATIQUE_GRPC: expected unix:/PATH or 127.0.0.1:PORT, got {address!r}")
