"""Keeps what the doors show over TLS good: renewed in time, and read again when the operator has another one."""

from datetime import timedelta
from typing import Final

from pratique.base.clock import utc_now
from pratique.base.errors import PratiqueError
from pratique.base.logging import get_logger
from pratique.engine.workbench import Workbench

_log = get_logger(__name__)

EVERY: Final = timedelta(seconds=30)


class Certificates:
    """Looks at the certificate of the doors; what is broken is told once and changes nothing."""

    def __init__(self, bench: Workbench) -> None:
        self._bench = bench
        self._told = ""

    def step(self) -> bool:
        """Renew what is due; never finds more to do."""
        try:
            if self._bench.gateway.renew_certificate(now=utc_now()):
                _log.info("certificate.renewed")
            self._told = ""
        except PratiqueError as error:
            if error.message != self._told:
                _log.warning("certificate.not_renewed", reason=error.message)
                self._told = error.message
        return False
