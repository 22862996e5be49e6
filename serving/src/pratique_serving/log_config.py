"""Loggers as a `logging.json` wants them, in `AML_APP_ROOT` or beside the scoring script, as under Azure's server.

It is what `logging.config.dictConfig` takes. The classes here are what such files name: they are served as
`azureml_inference_server_http.log_config`. Imported only where there is such a file, because `logging` costs more
than the rest of a start.
"""

import json
import logging
import logging.config
import time
from typing import Any, Optional

from pratique_serving.errors import ModelFailed


class AMLLogFormatter(logging.Formatter):
    """``2026-11-21 20:15:00,123 I [4711] name - message``, in UTC."""

    def __init__(
        self,
        fmt: str = "%(asctime)s %(levelname).1s [%(process)d] %(name)s - %(message)s",
        datefmt: Any = None,
        style: Any = "%",
    ) -> None:
        super().__init__(fmt, datefmt, style)

    @staticmethod
    def converter(timestamp: Optional[float] = None) -> time.struct_time:
        """UTC."""
        return time.gmtime(timestamp)


class RootAccessFilter(logging.Filter):
    """Lets everything pass but lines about probes."""

    def filter(self, record: logging.LogRecord) -> bool:
        return "GET / HTTP/1.1" not in record.getMessage()


def configure(path: str) -> None:
    """Raises ModelFailed when the file is not what `dictConfig` takes."""
    try:
        with open(path, encoding="utf-8") as file:
            logging.config.dictConfig(json.load(file))
    except (OSError, ValueError, TypeError, AttributeError, ImportError) as error:
        raise ModelFailed(f"{path}: {error}") from None
