"""What can go wrong between a caller and a model.

ServingError
├── Usage           the process was started wrongly: exit code 2
├── ModelFailed     the model cannot be loaded: exit code 70
└── Refused         a request gets this status and message; the process goes on
    └── Malformed   not HTTP that we accept: answered, then the connection is closed
"""


class ServingError(Exception):
    """The root: anything the server itself reports."""


class Usage(ServingError):
    """Arguments or environment variables that cannot be used."""


class ModelFailed(ServingError):
    """The model could not be loaded; the message is for the deployment's log."""


class Refused(ServingError):
    """A request that is answered with `status` and ``{"message": …}``."""

    def __init__(self, status: int, message: str, run_failed: bool = False) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.run_failed = run_failed
        """Whether the fault is the scoring script's (``x-ms-run-function-failed``)."""


class Malformed(Refused):
    """Bytes after which nothing on this connection can be trusted."""
