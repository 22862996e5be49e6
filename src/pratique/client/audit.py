"""The journal as evidence."""

from collections.abc import Iterator

from pratique.client.connection import Connection, Document, path_of


class Audit:
    """The journal of the home with its seals."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def lines(self) -> Iterator[str]:
        """Every event and every seal, as they arrive; raises `StreamCutError` when they end too early."""
        rest = b""
        for chunk in self._connection.stream(path_of("audit", "stream")):
            *whole, rest = (rest + chunk).split(b"\n")
            for line in whole:
                yield line.decode("utf-8", "backslashreplace")
        if rest:
            yield rest.decode("utf-8", "backslashreplace")

    def head(self) -> Document:
        """The newest seal, signed."""
        found: Document = self._connection.get(path_of("audit", "head"))
        return found

    def rotate_key(self) -> Document:
        """The public key that signs from now on."""
        found: Document = self._connection.post(path_of("audit", "key", "rotate"))
        return found

    def key(self) -> Document:
        """The public key, with how it followed those before it."""
        found: Document = self._connection.get(path_of("audit", "key"))
        return found
