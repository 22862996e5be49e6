"""What we sign, the OpenSSF tool verifies, and the other way round; what it refuses, we refuse."""

import json
import subprocess
from pathlib import Path

import pytest

from pratique.base.errors import InvalidInput
from pratique.compute.environments import Environments
from pratique.content.folder import scan
from pratique.content.manifest import Manifest
from pratique.content.signatures import PrivateKey, PublicKey, Signature

from .oracle import ROOT

LOCK = ROOT / "locks" / "model-signing.txt"
LIMIT = 120


class Tool:
    """``model_signing``, in an environment of its own below the tree's."""

    def __init__(self, folder: Path) -> None:
        environments = Environments(folder)
        self._python = environments.ensure(environments.adopt(LOCK.read_text(encoding="utf-8"), "3.11"))

    def __call__(self, *words: object) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [self._python, "-I", "-m", "model_signing", *map(str, words)],
            capture_output=True, text=True, timeout=LIMIT, check=False, env={"PATH": "/usr/bin:/bin"},
        )  # fmt: skip


@pytest.fixture(scope="module")
def tool() -> Tool:
    return Tool(ROOT / ".venv" / "oracle")


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A model whose paths are sorted differently by their parts and by their text, and a key of each size."""
    for path in ("MLmodel", "sub/x.bin", "sub-y", "sub/ünïcode.txt", "sub/deeper/z"):
        (tmp_path / "model" / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "model" / path).write_text(path)
    for curve in ("prime256v1", "secp384r1", "secp521r1"):
        private, public = tmp_path / f"{curve}.pem", tmp_path / f"{curve}.pub"
        subprocess.run(["openssl", "ecparam", "-name", curve, "-genkey", "-noout", "-out", private], check=True)
        subprocess.run(["openssl", "ec", "-in", private, "-pubout", "-out", public], check=True, capture_output=True)
    return tmp_path


def files(place: Path) -> Manifest:
    return scan(place / "model", honour_ignore=False, keep_executable=False)


def sign(place: Path, curve: str) -> None:
    key = PrivateKey.read((place / f"{curve}.pem").read_bytes())
    (place / "ours.sig").write_text(key.sign(files(place), "credit"))


SLOW = pytest.mark.slow


@pytest.mark.parametrize(
    "curve", ["prime256v1", pytest.param("secp384r1", marks=SLOW), pytest.param("secp521r1", marks=SLOW)]
)
def test_each_verifies_what_the_other_signed(tool: Tool, place: Path, curve: str) -> None:
    sign(place, curve)
    public = place / f"{curve}.pub"
    verified = tool("verify", "key", place / "model", "--signature", place / "ours.sig", "--public_key", public)
    assert verified.returncode == 0, verified.stdout + verified.stderr
    theirs = place / "theirs.sig"
    made = tool("sign", "key", place / "model", "--signature", theirs, "--private_key", place / f"{curve}.pem")
    assert made.returncode == 0, made.stdout + made.stderr
    signature = Signature.read(theirs.read_text())
    assert signature.verify(PublicKey.read(public.read_text())).differences(files(place)) == []
    assert signature.fingerprint == PublicKey.read(public.read_text()).fingerprint


def test_a_changed_file_is_refused_by_both(tool: Tool, place: Path) -> None:
    sign(place, "prime256v1")
    (place / "model" / "sub" / "x.bin").write_text("another")
    public = place / "prime256v1.pub"
    refused = tool("verify", "key", place / "model", "--signature", place / "ours.sig", "--public_key", public)
    assert refused.returncode != 0
    signed = Signature.read((place / "ours.sig").read_text()).verify(PublicKey.read(public.read_text()))
    assert signed.differences(files(place)) == ["sub/x.bin is another"]


def test_a_file_that_the_tool_left_out_is_a_difference_here(tool: Tool, place: Path) -> None:
    (place / "model" / "extra.py").write_text("import os")
    made = tool(
        "sign", "key", place / "model", "--signature", place / "theirs.sig", "--private_key", place / "prime256v1.pem",
        "--ignore-paths", place / "model" / "extra.py",
    )  # fmt: skip
    assert made.returncode == 0, made.stdout + made.stderr
    key = PublicKey.read((place / "prime256v1.pub").read_text())
    signed = Signature.read((place / "theirs.sig").read_text()).verify(key)
    assert signed.differences(files(place)) == ["extra.py was not signed"]


def test_the_tools_signature_by_a_certificate_is_refused_by_name(place: Path) -> None:
    bundle = {"mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json", "verificationMaterial": {"x509": {}}}
    with pytest.raises(InvalidInput, match="not of a plain key"):
        Signature.read(json.dumps(bundle))
