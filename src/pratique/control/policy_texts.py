"""The documents of policies, as the rows of services, APIs and operations have them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from pratique.base.errors import InvalidInput, Problem
from pratique.specs.policy import NamedValue, Policy
from pratique.specs.policy_scopes import PolicyDocument, PolicyText, composed, read_document
from pratique.store import apim
from pratique.store.apim import Api, ApiOperation, ApiService
from pratique.store.database import Transaction


@dataclass(frozen=True)
class PolicyScope:
    """Where a policy stands: at all APIs of a service, at one of them, or at one of its operations."""

    service: str
    api: str = ""
    operation: str = ""

    @property
    def label(self) -> str:
        """Its full name, of which that of what is above it is the beginning."""
        return "/".join(part for part in ("apis", self.service, self.api, self.operation) if part)

    @property
    def policy(self) -> str:
        """What its policy is called where no file is known any more."""
        return f"policy of {'/'.join(part for part in (self.api, self.operation) if part) or 'all APIs'}"


Row: TypeAlias = ApiService | Api | ApiOperation
"""What has a policy."""


def scope_of(row: Row) -> PolicyScope:
    """Where the policy of `row` stands."""
    match row:
        case ApiService(name=service):
            return PolicyScope(service)
        case Api(service=service, name=api):
            return PolicyScope(service, api)
        case ApiOperation(service=service, api=api, name=operation):
            return PolicyScope(service, api, operation)


def texts(*rows: Row) -> tuple[PolicyText, ...]:
    """The documents of `rows`, the widest scope first; none of a row without a policy."""
    return tuple(
        PolicyText(row.policy, (scope := scope_of(row)).policy, scope.label, row.allow_any_audience)
        for row in rows
        if row.policy
    )


def read(found: tuple[PolicyText, ...], named: Mapping[str, NamedValue]) -> Policy:
    """What `found` means together; raises `InvalidInput` when it cannot be read any more."""
    return composed([read_document(one, named) for one in found])


def rows_below(tx: Transaction, scope: PolicyScope) -> Iterator[tuple[Row, ...]]:
    """Every chain of rows that the policy of `scope` is in: an API, and each operation with a policy of its own."""
    service = apim.service(tx, scope.service)
    if service is None:
        return
    for api in apim.apis_of(tx, scope.service):
        if scope.api in ("", api.name):
            yield (service, api)
            for operation in apim.operations_of(tx, scope.service, api.name):
                if operation.policy and scope.operation in ("", operation.name):
                    yield (service, api, operation)


def check_together(tx: Transaction, scope: PolicyScope, named: Mapping[str, NamedValue], *, file: str = "") -> None:
    """Raise `InvalidInput` unless everything that the policy of `scope` is in can be read, and goes together.

    `file` is what the policy of `scope` itself is called.
    """
    documents: dict[PolicyText, PolicyDocument] = {}
    problems: dict[Problem, None] = {}
    for rows in rows_below(tx, scope):
        try:
            found = texts(*rows)
            documents |= {one: read_document(one, named) for one in found if one not in documents}
            composed([documents[one] for one in found])
        except InvalidInput as error:
            problems |= dict.fromkeys(error.problems)
    if problems:
        said = [_called(problem, scope, file) for problem in problems]
        raise InvalidInput.of(said, what=file or said[0].file)


def _called(problem: Problem, scope: PolicyScope, file: str) -> Problem:
    if not file or problem.file != scope.policy:
        return problem
    return Problem(problem.message, problem.key, file, problem.line, problem.hint)


def users(tx: Transaction, service: str, names: set[str], named: Mapping[str, NamedValue]) -> list[PolicyScope]:
    """Where a policy has one of `names` in it; raises `InvalidInput` when one cannot be read any more."""
    found = apim.service(tx, service)
    if found is None:
        return []
    below = [row for rows in rows_below(tx, PolicyScope(service)) for row in rows[1:]]
    rows: dict[str, Row] = {scope_of(row).label: row for row in (found, *below)}
    return [
        scope_of(row) for row in rows.values() for text in texts(row) if names & read_document(text, named).named_values
    ]
