"""``security-tests.md``: how many attacks of each class the tests tried, from what a run of them wrote.

``make attacks`` runs them and writes the numbers beside this file; a number is
never typed.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from generator.markdown import code, document, table

RESULTS: Final = Path(__file__).with_name("attacks.json")
CLASSES: Final[Mapping[str, tuple[str, str, str]]] = {
    # class: what is tried, what must hold, where
    "traversal": (
        "names, words of a query and sources that lead out of their folder: encoded once and twice, with backslashes, "
        "fragments, NUL",
        "no server's error, no byte from elsewhere, no file made or removed, by any parameter of any route",
        "tests/unit/web/test_attacks.py",
    ),
    "ssrf": (
        "addresses of link-local, private and other networks in every spelling, redirects, names that rebind",
        "nobody but loopback and allowed hosts is connected to, at the address that was judged",
        "tests/security/test_outbound.py",
    ),
    "pickles": (
        "pickles that call, in every wrapping that models come in, published ways around scanners among them",
        "found by the scan; run neither by the server nor by a deployment",
        "tests/security/test_pickles.py",
    ),
    "archives": (
        "manifests and packs that slip, lie or clash; bombs, and wrappings in one another",
        "refused with what is wrong; nothing is written",
        "tests/unit/web/test_attacks.py",
    ),
    "bodies": (
        "bodies that are deep, wide, empty, no JSON, another format, of other types, with numbers that are none",
        "refused or taken by every route that takes one, and never a server's error",
        "tests/unit/web/test_attacks.py",
    ),
    "rights": (
        "every route by every method: by nobody, by a principal without a role, by a job of another workspace",
        "401, 403 or 404; nothing is given or done",
        "tests/unit/web/test_attacks.py",
    ),
    "tokens": (
        "algorithms none and mixed, foreign keys, `kid` and other headers, wrong times, audiences, issuers, huge ones",
        "401 by every route and method, and as a proof of an identity",
        "tests/unit/web/test_attacks.py",
    ),
    "browser": (
        "a hostile page with a session: foreign origins by every route that changes something, foreign hosts",
        "403 or 401; nothing behind the door is reached",
        "tests/unit/web/test_attacks.py",
    ),
    "markup": (
        "scripts in names, tags, descriptions, commands and events, and in every parameter of every address",
        "shown as text, or refused as a name; no answer is a page in which something runs",
        "tests/unit/web/test_attacks.py",
    ),
    "slow callers": (
        "heads, bodies and chunks that never end; a peer that drips",
        "others are answered meanwhile; the model sees nothing of it",
        "tests/integration/gateway/test_attacks.py",
    ),
    "floods": (
        "calls without a key at once, heads and addresses of a megabyte, requests of two meanings",
        "refused before anybody sees them; the door lives",
        "tests/integration/gateway/test_attacks.py",
    ),
    "flipped bytes": (
        "one bit of a stored model, script, input, signature or list of files, or of what was written out to be run",
        "the next start or use refuses, and says what to do",
        "tests/integration/engine/test_trust.py",
    ),
    "signatures": (
        "models without a signature, or signed by somebody else",
        "refused where a workspace demands one",
        "tests/integration/engine/test_trust.py",
    ),
}


def page() -> str:
    """The page."""
    run = json.loads(RESULTS.read_text(encoding="utf-8"))
    return document(
        "Security tests",
        "What the tests try as an attacker would, counted while they ran: an attack is one payload at one place. "
        "`make attacks` runs them again and writes this page. What is promised is in "
        "[SECURITY.md](../../SECURITY.md); more attacks are in tests that count nothing.",
        f"The last run was on {run['at']}.",
        table(
            ("class", "attacks", "tests", "held", "what is tried", "what must hold", "where"),
            [_row(row) for row in run["rows"]],
        ),
    )


def _row(row: Mapping[str, Any]) -> tuple[str, ...]:
    tried, holds, place = CLASSES[row["class"]]
    verdict = "yes" if row["held"] else "**no**"
    return row["class"], f"{row['attacks']:,}", str(row["tests"]), verdict, tried, holds, code(place)
