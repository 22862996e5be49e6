"""``pratique prune``."""

from collections import Counter
from datetime import timedelta
from typing import Any, Final

from pratique.app.composition import login_name, workbench_of
from pratique.app.layout import tracking_lock
from pratique.base.clock import utc_now
from pratique.base.errors import InvalidInput, NotFound
from pratique.base.home import Home
from pratique.base.settings import load_settings
from pratique.cli.table import Table, flag, switch
from pratique.cli.talk import say
from pratique.control.housekeeping import PRUNED, tell
from pratique.engine.delivery_retention import DeliveryRetention
from pratique.engine.pruning import Leftover, Pruning
from pratique.store.backups import housekeeping
from pratique.store.migrate import check_current

TABLE = Table("prune")
_DRY: Final = switch("dry_run", help="Only tell what would go.")
_UNUSED: Final = flag(
    "unused_for", type=int, metavar="DAYS", default=30, help="How long unnamed environments and logs stay; default 30."
)


@TABLE.verb(
    "",
    arguments=(_DRY, _UNUSED),
    examples={
        "See what would go": "pratique prune --dry-run -o table",
        "Remove it": "pratique prune",
    },
)
def prune(*, dry_run: bool, unused_for: int) -> list[dict[str, Any]]:
    """Remove what nothing names any more, and say what and how many bytes.

    Content stays while any version, job, deployment, file of a run or of a datastore names it, and for a day
    in any case, so uploads on their way are not harmed. Runs of pipelines lose their logs and artifacts after
    the days of the setting delivery_days, but for the newest of each, what a run that goes on reads, and what
    somebody has approved. The platform may run.
    """
    if unused_for < 1:
        raise InvalidInput(f"--unused-for is {unused_for}", hint="give a number of days, 1 or more")
    home = Home.from_environment()
    settings = load_settings(home.root)
    if not home.database.exists() and not settings.database_url:
        raise NotFound(f"there is no home {home.root}", hint="choose it with PRATIQUE_HOME=/path")
    bench = workbench_of(home, settings)
    try:
        check_current(bench.database)
        with housekeeping(home):
            now = utc_now()
            retention = DeliveryRetention(
                home, bench.database, now=now, days=settings.delivery_days, count=settings.delivery_runs
            )
            pruning = Pruning(
                home,
                bench.database,
                bench.environments,
                now=now,
                unused_for=timedelta(days=unused_for),
                own=(tracking_lock(home, bench.environments).digest,),
            )
            if dry_run:
                return _told(retention, pruning)
            counted = _pruned(retention, pruning)
        removed = {str(one["what"]): one["count"] for one in counted}
        tell(bench.database, login_name(), PRUNED, {"removed": removed}, now=utc_now())
        return counted
    finally:
        bench.database.close()


def _told(retention: DeliveryRetention, pruning: Pruning) -> list[dict[str, Any]]:
    return _counted([*retention.runs(), *pruning.content(), *pruning.folders()], "would go")


def _pruned(retention: DeliveryRetention, pruning: Pruning) -> list[dict[str, Any]]:
    # First what names content, then the content.
    gone = [one for one in retention.runs() if one.remove()]
    gone += [one for one in pruning.forget_content() if one.remove()]
    gone += [one for one in pruning.folders() if one.remove()]
    return _counted(gone, "removed")


def _counted(found: list[Leftover], verb: str) -> list[dict[str, Any]]:
    counts: Counter[str] = Counter()
    sizes: Counter[str] = Counter()
    for one in found:
        counts[one.kind] += 1
        sizes[one.kind] += one.size
        if one.kind != "blobs":
            say(f"{verb}: {one.kind}: {one.name}")
    say(f"{verb}: {len(found)} things, {sum(sizes.values()) / 1e6:.1f} MB")
    return [{"what": kind, "count": counts[kind], "bytes": sizes[kind]} for kind in counts]
