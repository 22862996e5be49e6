"""Repositories that follow others: a path or a URL, fetched by git itself, and what is new counts as a push."""

import json
from types import SimpleNamespace
from typing import Any, cast

import pytest

from pratique.base.clock import utc_now
from pratique.base.errors import Forbidden, InvalidInput
from pratique.base.settings import Settings
from pratique.control import deliveries, repositories
from pratique.control.actor import PLATFORM, Actor, Grant
from pratique.engine.following import Follower
from pratique.engine.triggers import Triggers
from pratique.engine.workbench import Workbench
from pratique.store import delivery_runs as runs
from pratique.store import repositories as rows
from pratique.store.delivery_runs import Wanted

from .conftest import PROJECT, Git, Run, Site, pushes_of

FILE = {"azure-pipelines.yml": "steps:\n- script: echo hello\n"}


def elsewhere(site: Site, name: str) -> Git:
    """A repository of somebody, with one commit on a branch that is not called main."""
    git = site.git(name)
    git("init", "--quiet", "--initial-branch", "trunk")
    git.commit("the first", **FILE)
    return git


def follow(site: Site, name: str, source: str) -> None:
    repositories.create(
        site.platform.database, site.platform.repositories, PLATFORM, PROJECT, name, source=source, now=utc_now()
    )


def look(site: Site, name: str) -> rows.Repository:
    """Look at the source now, and let follow what follows."""
    platform = site.platform
    bench = SimpleNamespace(
        database=platform.database, home=platform.home, door=platform.door, settings=Settings(door_port=1),
        sealer=platform.sealer,
    )  # fmt: skip
    with platform.database.write() as tx:
        rows.looked(tx, site.row(name).id, look_at=utc_now(), problem="")
    assert Follower(cast(Workbench, bench)).step()
    triggers = Triggers(cast(Workbench, bench))
    while triggers.step():
        pass
    return site.row(name)


def branches(site: Site, name: str) -> dict[str, str]:
    with site.platform.database.read() as tx:
        return rows.refs(tx, site.row(name).id)


def test_what_is_new_in_a_folder_starts_runs_and_what_went_goes(site: Site) -> None:
    theirs = elsewhere(site, "theirs")
    follow(site, "follows-folder", str(theirs.folder))
    wished = {"name": "follows-folder", "repository": "follows-folder", "repository_type": "git", "branch": "trunk"}
    with site.platform.database.write() as tx:
        delivery = deliveries.create(tx, PLATFORM, PROJECT, {**wished, "path": "azure-pipelines.yml"}, now=utc_now())
    known = look(site, "follows-folder")
    first = theirs("rev-parse", "HEAD").stdout.strip()
    assert (known.default_branch, known.problem) == ("refs/heads/trunk", "")
    assert branches(site, "follows-folder") == {"refs/heads/trunk": first}

    theirs("tag", "v1")
    theirs("checkout", "--quiet", "-b", "other")
    second = theirs.commit("the second", more="x")
    look(site, "follows-folder")
    assert branches(site, "follows-folder") == {
        "refs/heads/trunk": first, "refs/heads/other": second, "refs/tags/v1": first,
    }  # fmt: skip
    theirs("checkout", "--quiet", "trunk")
    theirs("branch", "-D", "other")
    theirs("commit", "--quiet", "--amend", "-m", "rewritten")
    look(site, "follows-folder")
    rewritten = theirs("rev-parse", "HEAD").stdout.strip()
    assert branches(site, "follows-folder") == {"refs/heads/trunk": rewritten, "refs/tags/v1": first}
    with site.platform.database.read() as tx:
        found = runs.newest(tx, Wanted(PROJECT, deliveries=(delivery.id,)), limit=10)[::-1]
    assert [(one.branch, one.version) for one in found] == [
        ("refs/heads/trunk", first), ("refs/heads/other", second), ("refs/heads/trunk", rewritten),
    ]  # fmt: skip
    before = len(pushes_of(site, "follows-folder"))
    look(site, "follows-folder")
    assert len(pushes_of(site, "follows-folder")) == before, "nothing new is nothing"


def test_a_url_is_followed_and_nobody_pushes_to_what_follows(site: Site) -> None:
    address, token = site.repository("followed"), site.token("ann")
    follow(site, "follows-url", address)
    known = look(site, "follows-url")
    assert "could not" in known.problem, "it asks for a login, and there is none"
    git = site.clone(address, "pusher", token)
    git.commit("x", **FILE)
    refused = git("push", "--quiet", repositories.address_of(site.door, PROJECT, "follows-url"), "main", check=False)
    assert refused.returncode != 0
    assert branches(site, "follows-url") == {}


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("http://169.254.169.254/x.git", "neither loopback nor one of the setting check_hosts"),
        ("https://example.org/x.git", "neither loopback nor one of the setting check_hosts"),
        ("http://127.0.0.1:1/x.git", "git could not do it"),
        ("/nowhere/at/all", "git could not do it"),
    ],
)
def test_what_cannot_be_followed_says_why_and_is_tried_again(site: Site, source: str, said: str) -> None:
    name = f"odd-{abs(hash(source)) % 10_000}"
    follow(site, name, source)
    known = look(site, name)
    assert said in known.problem
    assert known.look_at is not None
    assert known.look_at > utc_now()


@pytest.mark.parametrize(
    "source", ["ext::sh -c true", "ssh://here/x", "https://ann:pw@here/x", "../x", "file:///etc", "https://here/a b"]
)
def test_what_is_neither_a_path_nor_an_address_is_refused(site: Site, source: str) -> None:
    with pytest.raises(InvalidInput):
        follow(site, "refused", source)


def test_a_path_of_the_machine_takes_an_owner_of_it() -> None:
    contributor: Any = Actor("1", "ann", "user", (Grant("Contributor", "/"),))
    with pytest.raises(Forbidden):
        repositories.check_source(contributor, "/etc")
    repositories.check_source(contributor, "https://example.org/x.git")


def test_a_person_lets_a_repository_follow_a_folder(pratique: Run, site: Site) -> None:
    theirs = elsewhere(site, "typed")
    made = pratique("repos", "create", "--name", "typed", "--from", str(theirs.folder), "-p", PROJECT)
    assert json.loads(made.stdout)["source"] == str(theirs.folder)
    look(site, "typed")
    shown = json.loads(pratique("repos", "show", "-r", "typed", "-p", PROJECT).stdout)
    assert (shown["defaultBranch"], shown["sourceProblem"]) == ("refs/heads/trunk", None)


def test_a_source_that_asks_for_a_login_is_followed_with_it(site: Site, pratique: Run) -> None:
    address, token = site.repository("guarded"), site.token("ann")
    theirs = site.clone(address, "guarded", token)
    first = theirs.commit("the first", **FILE)
    theirs("push", "--quiet", "origin", "main")
    create = ("repos", "create", "--name", "follows-guarded", "--from", address, "--user-name", "ann", "-p", PROJECT)
    made = pratique(*create, stdin="wrong-t0ken\n")
    assert (json.loads(made.stdout)["sourceNeedsLogin"], "wrong-t0ken" in made.stdout + made.stderr) == (True, False)
    problem = look(site, "follows-guarded").problem
    assert "git could not do it" in problem
    assert "wrong-t0ken" not in problem
    renewed = pratique("repos", "update", "-r", "follows-guarded", "--user-name", "ann", "-p", PROJECT, stdin=token)
    assert renewed.returncode == 0
    known = look(site, "follows-guarded")
    assert (known.problem, branches(site, "follows-guarded")) == ("", {"refs/heads/main": first})
    assert token not in known.source_login
    nowhere = ("repos", "create", "--name", "no-url", "--user-name", "ann", "-p", PROJECT)
    assert pratique(*nowhere, stdin="x").returncode != 0
