"""`pool`: every pool of Linux agents is this machine; other systems are refused by name."""

from typing import Final

from pratique.delivery.building.fields import Fields
from pratique.delivery.nodes import Mapping, Place, Scalar
from pratique.delivery.pipeline import Pool
from pratique.delivery.trouble import Troubles

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
    if is_other_system(image):
        refuse_image(image, inner.place("vmImage"), fields.troubles)
    return Pool(name=inner.text("name"), image=image)


def is_other_system(image: str) -> bool:
    """Whether `image` is one of another system than Linux."""
    return image.strip().lower().startswith(_OTHER_SYSTEMS)


def refuse_image(image: str, place: Place, troubles: Troubles) -> None:
    """Note that there is no such image here."""
    said = f"jobs run on Linux here; there is no {image}"
    troubles.refuse(said, place, hint="vmImage: ubuntu-latest", is_not_yet=True)
