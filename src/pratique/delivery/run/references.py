"""`dependencies` and `stageDependencies`: which spelling reads an output from where, and which reads nothing.

    reader                                 spelling of the output v of step S
    condition of a stage                   dependencies.STAGE.outputs['JOB.S.v']
    condition or variable of a job         dependencies.JOB.outputs['S.v'] in the same stage
                                           stageDependencies.STAGE.JOB.outputs['S.v'] of an earlier one
    variable of a stage                    stageDependencies.STAGE.JOB.outputs['S.v']

Of a deployment job D the name of the hook, or of D itself, stands before S
(`pratique.delivery.run.units`). A wrong spelling is empty without a word on
the hosted service; here it is a warning with the right one.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from pratique.delivery.expressions.parser import Call, Each, Expression, Index, Literal, Name
from pratique.delivery.pipeline import Deploy, Job, Matrix, Slices, Stage
from pratique.delivery.run.units import output_prefixes, units_of
from pratique.specs.words import did_you_mean


@dataclass(frozen=True)
class Reader:
    """Who evaluates an expression, and what it depends on, directly or not."""

    stage: Stage
    stages_before: tuple[Stage, ...]
    job: Job | None = None
    """None: the stage itself."""
    jobs_before: tuple[Job, ...] = ()


@dataclass(frozen=True)
class Wrong:
    """A reference that reads nothing."""

    message: str
    hint: str


def paths_in(expression: Expression) -> Iterator[tuple[str, ...]]:
    """Each longest path of names in `expression`: `a.b['c']` is (a, b, c)."""
    path = _path(expression)
    if path:
        yield path
        return
    match expression:
        case Index():
            yield from paths_in(expression.target)
            yield from paths_in(expression.key)
        case Each():
            yield from paths_in(expression.target)
        case Call():
            for argument in expression.arguments:
                yield from paths_in(argument)
        case _:
            pass


def _path(expression: Expression) -> tuple[str, ...]:
    match expression:
        case Name():
            return (expression.name,)
        case Index(target=target, key=Literal(value=str() as key)):
            outer = _path(target)
            return (*outer, key) if outer else ()
        case _:
            return ()


def wrong_references(expression: Expression, reader: Reader) -> Iterator[Wrong]:
    """Every reference in `expression` that can never read anything."""
    for path in paths_in(expression):
        root, rest = path[0].lower(), path[1:]
        if root == "dependencies" and reader.job is None:
            yield from _stage_path(path, rest, reader)
        elif root == "dependencies":
            yield from _job_path(path, rest, reader.jobs_before, reader)
        elif root == "stagedependencies" and rest:
            stage = _named(rest[0], reader.stages_before)
            if stage is None:
                yield _unknown(path, rest[0], [one.name for one in reader.stages_before], reader, "stage")
            else:
                yield from _job_path(path, rest[1:], stage.jobs, reader)


def _stage_path(path: tuple[str, ...], rest: tuple[str, ...], reader: Reader) -> Iterator[Wrong]:
    if not rest:
        return
    stage = _named(rest[0], reader.stages_before)
    if stage is None:
        yield _unknown(path, rest[0], [one.name for one in reader.stages_before], reader, "stage")
        return
    if len(rest) < 3 or rest[1].lower() != "outputs":
        return
    name, _, output = rest[2].partition(".")
    job = stage.job(name)
    if job is None or not _has_output(job, output):
        yield _nothing(path, rest[2], reader)


def _job_path(path: tuple[str, ...], rest: tuple[str, ...], jobs: tuple[Job, ...], reader: Reader) -> Iterator[Wrong]:
    if not rest:
        return
    job = next((one for one in jobs if one.name.lower() == rest[0].lower()), None)
    if job is None:
        yield _unknown(path, rest[0], [one.name for one in jobs], reader, "job")
    elif len(rest) > 2 and rest[1].lower() == "outputs" and not _has_output(job, rest[2]):
        yield _nothing(path, rest[2], reader)


def _named(name: str, stages: tuple[Stage, ...]) -> Stage | None:
    return next((stage for stage in stages if stage.name.lower() == name.lower()), None)


def _has_output(job: Job, output: str) -> bool:
    """Whether the job has a step that could set `output`, spelt as it is found in its outputs."""
    if isinstance(job.strategy, Slices) or (isinstance(job.strategy, Matrix) and job.strategy.expression):
        return True
    if isinstance(job.strategy, Deploy) and job.strategy.kind == "rolling":
        return True
    return any(output.lower().startswith(f"{start}.".lower()) for start, _ in _starts(job))


def _starts(job: Job) -> Iterator[tuple[str, str]]:
    """What an output of each named step of `job` begins with, and that step's name."""
    for unit in units_of(job, matrix="{}"):
        for prefix in output_prefixes(job, unit.name):
            for step in unit.steps:
                if step.name:
                    yield (f"{prefix}.{step.name}" if prefix else step.name), step.name


def _unknown(path: tuple[str, ...], name: str, known: list[str], reader: Reader, what: str) -> Wrong:
    message = f"{_written(path)} reads nothing: it does not depend on a {what} {name}"
    spelling = _right_spelling(path, reader)
    near = did_you_mean(name, known)
    return Wrong(message, spelling or near or f"add it to dependsOn; it depends on: {', '.join(known) or 'nothing'}")


def _nothing(path: tuple[str, ...], output: str, reader: Reader) -> Wrong:
    message = f"{_written(path)} reads nothing: no step sets {output} there"
    return Wrong(message, _right_spelling(path, reader) or "the step that sets it needs a name:")


def _right_spelling(path: tuple[str, ...], reader: Reader) -> str:
    """How `reader` writes the output whose last two words end `path`; empty when there is none."""
    words = path[-1].split(".")
    if len(words) < 2:
        return ""
    meant = {part.lower() for part in (*path[:-1], *words)}
    step, variable = words[-2].lower(), words[-1]
    found = [
        (len(names & meant), f"write {spelling}.{variable}']")
        for names, name, spelling in _spellings(reader)
        if name.lower() == step
    ]
    # Of several steps with that name, the one whose job and stage stand in what was written.
    return max(found, key=lambda one: one[0])[1] if found else ""


def _spellings(reader: Reader) -> Iterator[tuple[set[str], str, str]]:
    """Of each step that `reader` can read: the names of stage and job, its own, and how its outputs begin."""
    for job in reader.jobs_before:
        for start, name in _starts(job):
            yield {job.name.lower()}, name, f"dependencies.{job.name}.outputs['{start}"
    for stage in reader.stages_before:
        for job in stage.jobs:
            for start, name in _starts(job):
                names = {stage.name.lower(), job.name.lower()}
                if reader.job is None:
                    yield names, name, f"dependencies.{stage.name}.outputs['{job.name}.{start}"
                else:
                    yield names, name, f"stageDependencies.{stage.name}.{job.name}.outputs['{start}"


def _written(path: tuple[str, ...]) -> str:
    """`path` as people write it: outputs in brackets."""
    *front, last = path
    return f"{'.'.join(front)}['{last}']" if "." in last else ".".join(path)
