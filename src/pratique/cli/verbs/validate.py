"""`ml validate`."""

from collections.abc import Iterator
from pathlib import Path

from pratique.cli.table import Report, Table, flag
from pratique.cli.yaml_files import ON_THIS_MACHINE, is_planned
from pratique.specs.verdicts import Verdict, judge

TABLE = Table("ml validate")


@TABLE.verb(
    "",
    arguments=(
        flag("files", "FILE", nargs="+", help="Azure ML YAML files, of any kind."),
        flag("kind", "--kind", "-k", help="What all of them are, for files that do not show it: data, job, …"),
    ),
    examples={
        "Check files": "pratique ml validate jobs/train.yml endpoint.yml",
        "See the values after defaults": "pratique ml validate job.yml --query '[0].values' -o yaml",
    },
    columns={"File": "file", "Kind": "kind", "Valid": "valid"},
)
def validate(*, files: list[str], kind: str | None) -> Report:
    """Check Azure ML files of any kind, without a platform.

    The kind of a file is found from its $schema, its type or its keys. Every
    problem is named with its line. A file of a kind that this version cannot
    read yet is not valid here either; one that is understood and would not
    run is, and what would not is said. Exit 1 when a file is not valid.
    """
    verdicts = [judge(Path(file), kind or "") for file in files]
    lines = [line for verdict in verdicts for line in _lines(verdict)]
    wrong = sum(not verdict.is_valid for verdict in verdicts)
    if len(verdicts) > 1:
        lines.append(f"{len(verdicts)} files, {wrong} not valid")
    values = [verdict.to_document() for verdict in verdicts]
    return Report("\n".join(lines), values=values, exit_code=1 if wrong else 0)


def _lines(verdict: Verdict) -> Iterator[str]:
    """The verdict for a person: what the file is, then a line for each problem."""
    kind = f" ({verdict.kind})" if verdict.kind else ""
    if verdict.is_valid:
        planned = ", ".join(key for key in verdict.planned if is_planned(verdict.kind, key))
        here = [f"; {key}: {ON_THIS_MACHINE}" for key in verdict.planned if not is_planned(verdict.kind, key)]
        yield f"{verdict.file}: valid{kind}{''.join(here)}{f'; planned, not run: {planned}' if planned else ''}"
        yield from (f"  {found}" for found in verdict.not_run)
        return
    yield f"{verdict.file}: {'not in this version' if verdict.is_not_yet else 'not valid'}{kind}"
    yield from (f"  {problem}" for problem in verdict.problems)
