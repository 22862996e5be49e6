"""`ml model sign` and `ml model verify`, as they are typed: the key stays with its owner, the proof goes around."""

import json
import subprocess
from pathlib import Path

import pytest

from pratique.content.folder import scan
from pratique.content.hashing import hash_file
from pratique.content.signatures import PrivateKey

from .conftest import Run, Site


@pytest.fixture
def place(tmp_path: Path, pratique: Run) -> Path:
    """A workspace with version 1 of the model credit, the folder that it was made of, and a key."""
    name = f"signed-{abs(hash(tmp_path)) % 10**8}"
    assert pratique("ml", "workspace", "create", "-n", name).returncode == 0
    assert pratique("configure", "--defaults", f"workspace={name}").returncode == 0
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "weights").write_text("1, 2, 3")
    made = pratique("ml", "model", "create", "-n", "credit", "-v", "1", "--path", str(tmp_path / "model"))
    assert made.returncode == 0, made.stderr
    for key in ("ada", "eve"):
        private = tmp_path / f"{key}.pem"
        make = ["openssl", "ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", str(private)]
        subprocess.run(make, check=True, capture_output=True)
        (tmp_path / f"{key}.pub").write_text(PrivateKey.read(private.read_bytes()).public.pem)
    return tmp_path


def test_a_version_is_signed_shown_and_verified(place: Path, pratique: Run) -> None:
    signed = pratique("ml", "model", "sign", "credit:1", "--key", str(place / "ada.pem"), "-o", "json")
    assert signed.returncode == 0, signed.stderr
    assert json.loads(signed.stdout)["is_trusted"] is False
    unknown = pratique("ml", "model", "verify", "credit:1")
    assert (unknown.returncode, "the workspace trusts none" in unknown.stdout) == (1, True)
    trusted = ("ml", "workspace", "trusted-key", "add", "--key-name", "ada", "--public-key", str(place / "ada.pub"))
    assert pratique(*trusted).returncode == 0
    verified = pratique("ml", "model", "verify", "credit:1")
    assert (verified.returncode, "1 files, just as signed by ada" in verified.stdout) == (0, True)
    shown = json.loads(pratique("ml", "model", "show", "-n", "credit", "-v", "1", "-o", "json").stdout)
    assert [one["trusted_as"] for one in shown["signatures"]] == ["ada"]
    listed = json.loads(pratique("ml", "workspace", "trusted-key", "list", "-o", "json").stdout)
    assert [one["name"] for one in listed] == ["ada"]
    assert pratique("ml", "workspace", "trusted-key", "remove", "--key-name", "ada").returncode == 0
    assert pratique("ml", "model", "verify", "credit:1").returncode == 1


def test_another_key_verifies_nothing(place: Path, pratique: Run) -> None:
    assert pratique("ml", "model", "sign", "-n", "credit", "-v", "1", "--key", str(place / "eve.pem")).returncode == 0
    other = pratique("ml", "model", "verify", "credit:1", "--public-key", str(place / "ada.pub"))
    assert (other.returncode, "not verified" in other.stdout) == (1, True)
    right = pratique("ml", "model", "verify", "credit:1", "--public-key", str(place / "eve.pub"))
    assert right.returncode == 0, right.stdout


def test_what_one_has_is_compared_before_it_is_signed_and_when_it_is_verified(place: Path, pratique: Run) -> None:
    key, folder = str(place / "ada.pem"), str(place / "model")
    assert pratique("ml", "model", "sign", "credit:1", "--key", key, "--path", folder).returncode == 0
    public = str(place / "ada.pub")
    mine = ("ml", "model", "verify", "credit:1", "--public-key", public, "--path", folder)
    assert pratique(*mine).returncode == 0
    (place / "model" / "weights").write_text("1, 2, 4")
    refused = pratique("ml", "model", "sign", "credit:1", "--key", key, "--path", folder)
    assert (refused.returncode, "is not what credit:1 consists of: weights" in refused.stderr) == (1, True)
    assert "weights is another" in pratique(*mine).stdout


def test_a_byte_that_was_changed_in_the_store_is_seen_by_whoever_verifies(
    place: Path, pratique: Run, site: Site
) -> None:
    assert pratique("ml", "model", "sign", "credit:1", "--key", str(place / "ada.pem")).returncode == 0
    with site.platform.blobs.open(hash_file(place / "model" / "weights")[0]) as stream:
        stored = Path(stream.name)
    stored.chmod(0o600)
    stored.write_text("1, 2, 9")
    seen = pratique("ml", "model", "verify", "credit:1", "--public-key", str(place / "ada.pub"))
    stored.write_text("1, 2, 3")
    assert (seen.returncode, "the stored files were changed: weights" in seen.stdout) == (1, True)


def test_a_signature_that_was_made_elsewhere_is_kept_if_it_holds(place: Path, pratique: Run) -> None:
    private = PrivateKey.read((place / "ada.pem").read_bytes())
    good = private.sign(scan(place / "model", honour_ignore=False, keep_executable=False), "credit")
    (place / "model.sig").write_text(good)
    bring = ("ml", "model", "sign", "credit:1", "--signature", str(place / "model.sig"), "--public-key")
    assert pratique(*bring, str(place / "ada.pub")).returncode == 0
    refused = pratique(*bring, str(place / "eve.pub"))
    assert (refused.returncode, "it was signed by key" in refused.stderr) == (1, True)


def test_rules_of_a_workspace_are_set_by_flags_and_taken_back_by_an_owner(place: Path, pratique: Run) -> None:
    update = ("ml", "workspace", "update")
    name = json.loads(pratique("ml", "workspace", "show", "-o", "json").stdout)["name"]
    done = pratique(*update, "-n", name, "--require-signed-models", "true", "--pickles", "scan", "-o", "json")
    assert done.returncode == 0, done.stderr
    tags = json.loads(done.stdout)["tags"]
    assert (tags["pratique.require-signed-models"], tags["pratique.pickles"]) == ("true", "scan")
    less = pratique(*update, "-n", name, "--pickles", "allow", who="con", role="Contributor")
    assert less.returncode == 1, less.stdout
    assert pratique(*update, "-n", name, "--pickles", "allow").returncode == 0
