"""Settings of this platform that travel in tags and properties, so that every file stays valid for Azure."""

from collections.abc import Mapping
from typing import Final

OWN_SETTINGS: Final[Mapping[str, str]] = {
    "pratique.optimize": "onnx on a deployment: an MLflow model is served as ONNX, if that changes no decision.",
    "pratique.collect.redact": "Columns of a deployment, with commas between them, whose values are never collected.",
    "pratique.grpc": "true on a deployment without a script: its replicas speak the Open Inference Protocol over gRPC.",
    "pratique.promotion": "approved-only on a workspace: models come in only as an approval of a run was given for.",
    "pratique.require-reason": "true on a workspace: whoever changes something or reads a secret in it says why.",
    "pratique.require-signed-models": "true on a workspace: it loads only models that a key which it trusts signed.",
    "pratique.pickles": "allow, scan or refuse on a workspace: what it does with models that hold pickles.",
    "pratique.network": "machine or none on a job, step, pipeline or deployment: whether it has the machine's network.",
    "pratique.scan": "What a scan of a model's pickles found, in a sentence; written by the platform.",
    "pratique.scan.report": "The files of that, by digest; written by the platform.",
    "pratique.digest": "Digest of the manifest behind a version; written by the platform.",
    "pratique.fetched_from": "The URL, without its query, that a version's file had on the web; written by the client.",
    "pratique.exclude_newer": "On an environment, in properties: packages released on this day or later are not taken.",
    "pratique.curated": "The curated environment or image that a set of packages stands for; written by the platform.",
    "pratique.translated": "Whether an environment is made otherwise than it is written; written by the platform.",
    "pratique.translation": "In what it is made otherwise, one note a line; written by the platform.",
    "pratique.onnx": "What came out when a model was made ONNX; written by the platform.",
    "pratique.onnx.report": "The files of that, by digest; written by the platform.",
    "pratique.profile": "What is recommended for a model whose load was measured; written by the platform.",
    "pratique.profile.report": "The files of that, by digest; written by the platform.",
    "pratique.refused": "Why an environment cannot be used here; written by the platform.",
}
"""Every ``pratique.*`` key of tags and properties, with its meaning; another one is an error."""
