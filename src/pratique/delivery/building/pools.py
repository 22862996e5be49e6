"""`pool`: every pool of Linux agents is this machine; other systems are refused by name."""

from typing import Final

from pratique.delivery.building.fields import Fields
from pratique.delivery.nodes import Mapping, Scalar
from pratique.delivery.pipeline import Pool

_OTHER_SYSTEMS: Final = ("windows", "macos", "vs20", "win")


def pool_of(fields: Fields) -> Pool:
    """The pool at the key `pool`."""
    value = fields.node.get("pool")
    if isinstance(value, Scalar):
        return Pool(is_server=value.text.lower() == "server", name=value.text)
    if not isinstance(value, Mapping):
        return Pool()
    inner = fields.mapping("pool", "a pool", ("name", "vmImage", "demands"))
    if inner is None:
        return Pool()
    image = inner.text("vmImage")
    if image.lower().startswith(_OTHER_SYSTEMS):
        said = f"jobs run on Linux here; there is no {image}"
        fields.troubles.refuse(said, inner.place("vmImage"), hint="vmImage: ubuntu-latest", is_not_yet=True)
    return Pool(name=inner.text("name"), image=image)
