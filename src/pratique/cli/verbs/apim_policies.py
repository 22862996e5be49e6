"""What the policy verbs of all APIs, of one API and of one operation have in common."""

from pathlib import Path
from typing import Final

from pratique.base.errors import InvalidInput
from pratique.cli.confirm import confirm
from pratique.cli.table import Document, Report, flag, switch
from pratique.cli.talk import say
from pratique.cli.waiting import wait_until_succeeded
from pratique.client.apim import Policy, is_settled

FILE: Final = flag("file", "--file", "-f", help="The policy: XML of API Management.", required=True)
ANY_AUDIENCE: Final = switch(
    "allow_any_audience", help="Take a validate-jwt that names no audience: any token of its provider."
)


def put(policy: Policy, what: str, *, file: str, allow_any_audience: bool, no_wait: bool) -> Document:
    """Set `policy`, that of `what`, and wait until it is in force."""
    made = policy.put(_text(file), file=file, allow_any_audience=allow_any_audience)
    return made if no_wait else _settled(policy, what)


def shown(policy: Policy) -> Report:
    """`policy` as it was written."""
    found = policy.show()
    return Report(str(found["value"]), values=found)


def delete(policy: Policy, what: str, *, yes: bool, no_wait: bool) -> None:
    """Take `policy`, that of `what`, away, and wait until that is in force."""
    if not policy.show()["value"]:
        say(f"{what}: nothing to delete: there is no policy")
        return
    confirm(f"The policy of {what} will be deleted.", yes=yes)
    policy.delete()
    if not no_wait:
        _settled(policy, what)
    say(f"{what}: policy deleted")


def _settled(policy: Policy, what: str) -> Document:
    return wait_until_succeeded(
        lambda seconds: policy.show(wait=seconds),
        settled=is_settled,
        what="policy of",
        name=what,
        resume="pratique apim api list -o table",
        state="provisioningState",
    )


def _text(file: str) -> str:
    try:
        return Path(file).read_text(encoding="utf-8-sig")
    except FileNotFoundError as error:
        raise InvalidInput(f"{file}: there is no such file", hint="give the policy with --file") from error
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInput(f"{file} cannot be read: {error}") from error
