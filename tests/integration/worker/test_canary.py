"""A secret in every form that programs give it: it is in no log, no record, and no file that stays."""

import pytest

from pratique.delivery.expressions.macros import Variable
from pratique.delivery.masking import Masker

from .conftest import Worker

CANARY = 'c4n4ry/"sécret" +\\$key\'s <tag>&%'
LINES = "-----BEGIN KEY-----\nMIIEc4n4ry1234567890abcdefghijklmnopqrstuv\nabcdefgh1234\n-----END KEY-----"
ENCODERS = """
import base64, html, json, os, shlex, sys, urllib.parse
for secret in (os.environ["CANARY"], os.environ["LINES"]):
    data = secret.encode()
    print(secret); print(secret, file=sys.stderr)
    print(json.dumps({"key": secret})); print(json.dumps(secret, ensure_ascii=False))
    print(urllib.parse.quote(secret), urllib.parse.quote(secret, safe=""), urllib.parse.quote_plus(secret))
    print(shlex.quote(secret)); print(html.escape(secret)); print(data.hex(), data.hex().upper())
    for before in ("", "a", "ab", "user:"):
        print(base64.b64encode(before.encode() + data + b"@host").decode())
    print(base64.urlsafe_b64encode(data).decode()); print(base64.encodebytes(data).decode())
    print("##vso[task.logissue type=error;code=%s]%s" % ("x", secret.replace("\\n", "%0A")))
    print("##vso[build.addbuildtag]" + secret.split("\\n")[0])
    print("##vso[task.setprogress value=3]" + secret.split("\\n")[0])
    print("##vso[task.setvariable variable=o;isOutput=true]plain")
    with open(os.environ["AGENT_TEMPDIRECTORY"] + "/s.md", "w") as stream: stream.write(secret)
    print("##vso[task.uploadsummary]" + os.environ["AGENT_TEMPDIRECTORY"] + "/s.md")
    print("##vso[no.such]" + secret.split("\\n")[0])
print("##vso[task.complete result=Failed]" + os.environ["CANARY"])
"""


def test_a_canary_is_nowhere(worker: Worker) -> None:
    platform = worker.run(
        f"""
        steps:
          - checkout: none
          - bash: |
              cat > e.py <<'X'
{ENCODERS.replace(chr(10), chr(10) + " " * 14)}
              X
              python3 e.py
              printf '%q\\n' "$CANARY"
              set -x; echo "$CANARY"; echo "$LINES" | base64
              exit 3
            name: leak
            displayName: "leaks $(canary)"
            env: {{ CANARY: $(canary), LINES: $(lines) }}
        """,
        variables={"canary": Variable("canary", CANARY, True), "lines": Variable("lines", LINES, True)},
    )
    sent = b"\n".join(platform.bodies).decode()
    assert platform.result == "Failed"
    assert "***" in platform.whole_log
    assert platform.log("leak").count("***") > 40, platform.whole_log
    for trace in ("c4n4ry", "sécret", "s\\u00e9cret", "s%C3%A9cret", CANARY.encode().hex(), "YzRuNHJ5", "abcdefgh1234"):
        assert trace.lower() not in sent.lower(), [line for line in sent.splitlines() if trace.lower() in line.lower()]
    assert Masker([CANARY, LINES]).masked(sent) == sent
    assert not any(b"c4n4ry" in path.read_bytes() for path in worker.folder.rglob("*") if path.is_file())


@pytest.mark.parametrize("command", ["task.setsecret", "task.setvariable variable=x;issecret=true"])
def test_a_secret_that_a_step_names_is_masked_from_that_line_on(worker: Worker, command: str) -> None:
    platform = worker.run(
        f"""
        steps:
          - checkout: none
          - bash: |
              echo '##vso[{command}]l4te-secret'
              echo "now l4te-secret"
            displayName: one
          - bash: echo l4te-secret
            displayName: two
        """
    )
    assert "now ***\n" in platform.log("one")
    assert all(b"l4te" not in body for body in platform.bodies)
