"""Asks outside what checks go by: the metrics of MLflow's runs, and REST APIs. In no transaction, and bounded.

Whatever does not answer clearly is a no (a REST API) or not known yet (metrics),
and never a yes.
"""

import json
from collections.abc import Mapping
from typing import Any

from pratique.base.errors import NotFound, PratiqueError
from pratique.base.logging import get_logger
from pratique.control.model_gate import Gathered, Trained, Wanted
from pratique.delivery.run.admission import Reply
from pratique.engine import outbound
from pratique.engine.workbench import Workbench
from pratique.store.asked_checks import AskedCheck

_log = get_logger(__name__)


def gather(bench: Workbench, wanted: Wanted, run: int) -> Gathered:
    """An answer to everything that is wanted, for the checks of `run`."""
    return Gathered(
        {trained: _metrics(bench, trained) for trained in wanted.runs},
        {row.id: _reply(bench, row, run) for row in wanted.calls},
    )


def _metrics(bench: Workbench, trained: Trained) -> Mapping[str, float] | None:
    try:
        return bench.runs.get_run(*trained).metrics
    except NotFound:
        return {}
    except PratiqueError as error:
        _log.warning("check.metrics-unread", workspace=trained[0], run=trained[1], reason=str(error))
        return None


def _reply(bench: Workbench, row: AskedCheck, run: int) -> Reply:
    settings, url = row.settings, str(row.settings["url"])
    told = {"run": run, "stage": row.stage, "environment": row.environment, "project": row.project, "check": row.id}
    text = settings.get("body") or (json.dumps(told) if settings["method"] == "POST" else "")
    headers = {"Content-Type": "application/json", **{str(k): str(v) for k, v in settings["headers"].items()}}
    headers["X-Pratique-Delivery-Run"] = str(run)
    try:
        answer = outbound.call(
            str(settings["method"]), url, headers=headers, body=str(text).encode(),
            allowed=outbound.hosts_of(bench.settings.check_hosts),
        )  # fmt: skip
    except outbound.RefusedError as error:
        return Reply(False, f"{url} was not asked: {error}")
    except OSError as error:
        return Reply(False, f"{url} does not answer: {error}")
    if not 200 <= answer.status < 300:
        return Reply(False, f"{url} answered {answer.status}")
    for path, value in settings["success"].items():
        if (found := _at(answer.body, str(path))) != value:
            return Reply(False, f"{url} answered {answer.status}, and its {path} is {found!r:.80} and not {value!r}")
    return Reply(True, f"{url} answered {answer.status}")


def _at(body: bytes, path: str) -> str | None:
    """The text at a dotted path of a JSON document; None when there is none."""
    try:
        found: Any = json.loads(body)
    except ValueError:
        return None
    for part in path.split("."):
        found = found.get(part) if isinstance(found, Mapping) else None
    return None if found is None else found if isinstance(found, str) else json.dumps(found)
