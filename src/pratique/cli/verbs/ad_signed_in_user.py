"""`ad signed-in-user`: who a script runs as, in the shape of a person."""

from pratique.cli.place import Place
from pratique.cli.table import Document, Table
from pratique.client.account import read_account

TABLE = Table("ad signed-in-user")


@TABLE.verb(
    "show",
    examples={"Who may be given a role": "pratique ad signed-in-user show --query id -o tsv"},
    columns={"Id": "id", "Name": "displayName"},
)
def show(platform: Place) -> Document:
    """Show who is logged in: a person, a program, or the owner of the home."""
    account = read_account(platform.connection)
    name = str(account.get("name") or "")
    return {"displayName": name, "id": account["id"], "mail": None, "userPrincipalName": name}
