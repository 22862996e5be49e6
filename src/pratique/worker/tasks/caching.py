"""Cache@2: nothing is cached, and that is said; a pipeline that runs without a hit runs here."""

from pratique.delivery.expressions.macros import Variable
from pratique.worker.step import DONE, Outcome
from pratique.worker.tasks.work import Work


def no_cache(work: Work) -> Outcome:
    """Say so, and set the variable that tells a miss."""
    if name := work.inputs.text("cacheHitVar").strip():
        work.run.job.variables.set(Variable(name, "false"))
    return DONE
