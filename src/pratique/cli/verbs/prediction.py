"""`ml prediction`."""

from pratique.cli.lineage_text import with_rows
from pratique.cli.place import Place
from pratique.cli.table import Report, Table, flag
from pratique.client.lineage import Lineage

TABLE = Table("ml prediction")


@TABLE.verb(
    "show",
    arguments=(flag("id", "id", help="The id that the answer has as its header x-request-id."),),
    examples={
        "What is behind one answer": "pratique ml prediction show 5b6e3f0c-6f0e-4a86-9d0f-0b6f4b8f9a11",
        "Its graph": "pratique ml prediction show 5b6e3f0c-6f0e-4a86-9d0f-0b6f4b8f9a11 -o json",
    },
)
def show(place: Place, *, id: str) -> Report:  # noqa: A002 - the word of the flag.
    """Show what was sent and answered in one call, and the model, job, data and approval behind it.

    Known of deployments with data_collector, a minute or so after the call.
    """
    return with_rows(Lineage(place.connection, place.workspace).of_prediction(id))
