"""Names that nobody chose: ids of rows, names of jobs, secrets."""

import secrets
import string
import time

_ADJECTIVES = (
    "amber bold brave bright calm clever crisp dapper eager fair gentle golden happy honest jolly keen kind "
    "lively loyal lucid mellow merry mighty modest nimble noble patient plucky polite proud quick quiet ready "
    "serene sharp silent silver sincere sleek smart steady sturdy sunny swift tidy true upbeat vivid warm wise"
).split()
_NOUNS = (
    "anchor atlas barge beacon berth bay boat breeze bridge brig buoy canal cape captain chart cliff coast "
    "compass coral cove crest current deck delta dock dune ferry fjord gull harbor helm isle jetty keel kite "
    "lagoon lantern lighthouse mast oar pier pilot port quay reef rudder sail shore sloop tide vessel voyage wave"
).split()


def new_id() -> str:
    """A UUID whose text sorts in the order of creation (version 7, RFC 9562), 36 characters."""
    stamp = int(time.time() * 1000).to_bytes(6, "big")
    tail = bytearray(secrets.token_bytes(10))
    tail[0] = 0x70 | (tail[0] & 0x0F)
    tail[2] = 0x80 | (tail[2] & 0x3F)
    digits = (stamp + tail).hex()
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def new_job_name() -> str:
    """A name such as ``brave_lantern_4k7x0w2m9t``, the way Azure ML names jobs that were given none."""
    alphabet = "0123456789bcdfghjklmnpqrstvwxyz"
    tail = "".join(secrets.choice(alphabet) for _ in range(10))
    return f"{secrets.choice(_ADJECTIVES)}_{secrets.choice(_NOUNS)}_{tail}"


def new_secret() -> str:
    """258 random bits, safe in a URL, a header and on a command line, 44 characters.

    It never begins with a dash: ``--password -x`` is two flags to every command line, ours and ``az``'s.
    """
    return secrets.choice(string.ascii_letters) + secrets.token_urlsafe(32)
