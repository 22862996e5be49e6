"""Online endpoints: ``pratique ml online-endpoint create``."""

from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from pratique.base.errors import InvalidInput
from pratique.specs.grammar import Part, Spec, planned
from pratique.specs.key_types import Choice, Tags, Text, Whole, checked, named, snake
from pratique.specs.keys import Found
from pratique.specs.references import parse_compute
from pratique.specs.traffic import problems_with_traffic

Shares = dict[Annotated[str, named("deployment")], Whole]


def _named_compute(text: str) -> None:
    parse_compute(text)
    if not text.startswith("azureml:"):
        raise InvalidInput(f"expected azureml:NAME; got {text}", hint=f"write azureml:{text}")


class AssignedIdentity(Part):
    """One identity that a user has made."""

    resource_id: Text = Field(description="Its id.")
    client_id: Text | None = Field(default=None, description="Its client id.")
    principal_id: Text | None = Field(default=None, description="Its principal id.")


class Identity(Part):
    """With which identity the endpoint reaches other services."""

    type: Annotated[Literal["system_assigned", "user_assigned"], BeforeValidator(snake)] = Field(
        description="Who makes it."
    )
    user_assigned_identities: list[AssignedIdentity | Text] | None = Field(
        default=None, description="Which ones, by their ids, for `user_assigned`."
    )
    principal_id: Text | None = Field(default=None, description="Its principal id; written by the platform.")
    tenant_id: Text | None = Field(default=None, description="Its tenant; written by the platform.")


class OnlineEndpoint(Spec):
    """A name and an address under which deployments answer requests."""

    written_by_platform = Spec.written_by_platform | {
        "provisioning_state", "scoring_uri", "openapi_uri", "swagger_uri", "kind",
    }  # fmt: skip

    name: Annotated[str, named("endpoint")] = Field(description="Name of the endpoint.")
    auth_mode: Annotated[Literal["key", "aml_token", "aad_token"], BeforeValidator(snake)] = Field(
        default="key", description="How callers say who they are: a key, a token of the endpoint, or one of their own."
    )
    description: Text | None = Field(default=None, description="What it is, for people.")
    tags: Tags = Field(default_factory=dict, description="Tags; they can be changed later.")
    properties: Tags = Field(default_factory=dict, description="Properties; they stay as they are.")
    traffic: Shares = Field(
        default_factory=dict, description="Per cent of the requests for each deployment; together 100, or 0."
    )
    mirror_traffic: Shares = Field(
        default_factory=dict, description="Per cent of the requests copied to one deployment, at most 50."
    )
    location: Text | None = planned("Region of the endpoint.")
    compute: Annotated[Text, checked(_named_compute)] | None = planned("Kubernetes compute of the endpoint.")
    identity: Identity | None = Field(
        default=None, description="The identity with which its deployments reach other services; it always has one."
    )
    public_network_access: Annotated[Literal["enabled", "disabled"], Choice] | None = Field(
        default=None, description="`disabled`: it is reachable only through an API of the gateway."
    )

    @classmethod
    def cross_problems(cls, value: Mapping[str, Any]) -> Iterable[Found]:
        rules = [_rule(value.get(key)) for key in ("traffic", "mirror_traffic")]
        for problem in problems_with_traffic(*rules):
            yield Found(tuple(problem.key.split(".", 1)), problem.message, problem.hint)


def _rule(value: Any) -> Mapping[str, int]:
    """A rule as far as it is one; what is no number is told elsewhere."""
    if not isinstance(value, Mapping) or not all(isinstance(share, int) for share in value.values()):
        return {}
    return value
