"""A run deploys where only what was approved may come in: what its command line, its log and the API say."""

import hashlib
import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from pratique.base.clock import utc_now
from pratique.cli.main import run
from pratique.content.manifest import Entry, Manifest
from pratique.control import approvals, endpoints, principals, roles, workspaces
from pratique.control import assets as versions
from pratique.control.actor import PLATFORM, Actor
from pratique.control.credentials import Credential
from pratique.control.grants import token_of_connection
from pratique.engine import delivery_logs
from pratique.store import asked_checks, assets, delivery_units, holdings
from pratique.store.assets import AssetVersion

from .conftest import Run, Site
from .test_run_approvals import Asked

GUARDED = {"name": "qa-guarded", "tags": {"pratique.promotion": "approved-only"}}
BOB = replace(PLATFORM, id="bob", name="bob")


def register(site: Site, actor: Actor, workspace: str, text: str) -> AssetVersion:
    """A model with that content."""
    digest = hashlib.sha256(text.encode()).hexdigest()
    manifest = Manifest([Entry("MLmodel", digest, len(text))])
    spec = {"name": "credit", "type": "mlflow_model", "path": f"upload:{manifest.digest}/model"}
    with site.platform.database.write() as tx:
        holdings.hold(tx, workspace, "blob", [(digest, len(text))], now=utc_now())
        holdings.add_manifest(tx, workspace, manifest, now=utc_now())
        return versions.create(tx, actor, workspace, "models", spec, now=utc_now())


def approved(site: Site, environment: str, text: str) -> tuple[Asked, Actor]:
    """A run that trained `text` in dev, was approved, and registered it in the guarded workspace."""
    asked = Asked(site, environment)
    number = int(asked.run["id"])
    task = replace(PLATFORM, run=number)
    register(site, task, "dev-guarded", text)
    with site.platform.database.write() as tx:
        approvals.decide(tx, BOB, asked.row.id, approves=True, now=utc_now())
    asked.settle()
    register(site, task, "qa-guarded", text)
    return asked, task


def token_of(site: Site, number: int) -> str:
    """What the running unit of a run was given for a connection that may do everything."""
    with site.platform.database.write() as tx:
        (unit,) = delivery_units.of_run(tx, number)
        credential = Credential("", "$unused", utc_now())
        made = principals.create_service_principal(tx, PLATFORM, f"ci-{number}", credential=credential, now=utc_now())
        roles.assign(tx, PLATFORM, role="Contributor", assignee=made.name, scope="/", now=utc_now())
        lasting = timedelta(hours=1)
        return token_of_connection(
            site.platform.issuer, made, run=number, unit=unit.id, lasting=lasting, now=utc_now()
        )  # fmt: skip


def test_the_log_and_the_answer_say_what_the_latest_was_frozen_to_and_a_refusal_voids(
    site: Site, pratique: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    with site.platform.database.write() as tx:
        for workspace in ({"name": "dev-guarded"}, GUARDED):
            workspaces.create(tx, PLATFORM, workspace, group="rg", now=utc_now())
        endpoints.write(tx, PLATFORM, "qa-guarded", {"name": "credit"}, sealer=site.platform.sealer, now=utc_now())
    asked, _ = approved(site, "qa-first", "first")
    approved(site, "qa-second", "second")
    number = int(asked.run["id"])
    monkeypatch.setenv("PRATIQUE_TOKEN", token_of(site, number))
    file = tmp_path / "blue.yml"

    def deploy(model: str) -> int:
        file.write_text(f"name: blue\nendpoint_name: credit\nmodel: {model}\ninstance_count: 1\n")
        capfd.readouterr()
        return run(["ml", "online-deployment", "create", "-f", str(file), "-w", "qa-guarded", "--no-wait"])

    assert deploy("azureml:credit@latest") == 0
    out, err = capfd.readouterr()
    said = "deployment credit/blue: azureml:credit@latest is credit:1"
    assert said in err
    assert json.loads(out)["model"] == "azureml:credit:1"
    assert said in json.loads(out)["properties"]["pratique.frozen"]
    assert said in delivery_logs.stream_of(site.platform.home, number).read_text()

    assert deploy("azureml:credit:2") == 1
    assert f"is not what run {number} has an approval for" in capfd.readouterr().err
    with site.platform.database.read() as tx:
        assert [one.state for one in asked_checks.of_run(tx, number)] == ["voided"]
        assert len(assets.versions(tx, "qa-guarded", "models", "credit")) == 2
