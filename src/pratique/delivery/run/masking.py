"""Secrets in what is said about a run: reasons, traces and errors are read by people who may not see them.

This is for single sentences; what a job prints goes through
`pratique.delivery.masking`, which knows encodings and lines as well.
"""

from collections.abc import Iterable
from typing import Final

MASK: Final = "***"
_CUT: Final = 12
"""Characters of a secret that are enough to hide the rest of a text that was shortened."""


def masked(text: str, secrets: Iterable[str]) -> str:
    """`text` with every secret replaced, the longest first, and the beginning of one that was cut off."""
    for secret in sorted(secrets, key=len, reverse=True):
        if not secret:
            continue
        text = text.replace(secret, MASK)
        # Values are shown shortened, and what is left of a secret must not show either.
        if len(secret) > _CUT:
            text = text.replace(secret[:_CUT], MASK)
    return text
