"""The real git program against the server: what goes in comes out, and every push is written down."""

import gzip
import http.client
import os
import subprocess
from base64 import b64encode

import pytest

from pratique.base.clock import utc_now
from pratique.control import principals, pushes, repositories, roles
from pratique.control.actor import PLATFORM
from pratique.control.credentials import SignIns, new_credential
from pratique.store import events
from pratique.store import repositories as rows
from pratique.store.git import NOTHING
from pratique.store.repositories import RefUpdate
from pratique.web.rates import Rates

from .conftest import PROJECT, Git, Site, pushes_of, wait_until


def head_of(git: Git) -> str:
    return git("rev-parse", "HEAD").stdout.strip()


def moved(site: Site, name: str) -> list[tuple[str, str, str]]:
    """What the last push moved."""
    return [(one.name, one.old, one.new) for one in pushes_of(site, name)[0].moved]


def ask(
    site: Site, method: str, path: str, *, body: bytes | None = None, **headers: str
) -> tuple[int, http.client.HTTPMessage]:
    """The status and the headers that the server answers."""
    connection = http.client.HTTPConnection(site.door.removeprefix("http://"), timeout=30)
    try:
        connection.request(method, path.removeprefix(site.door), body=body, headers=headers)
        answer = connection.getresponse()
        answer.read()
        return answer.status, answer.headers
    finally:
        connection.close()


def test_what_was_pushed_is_cloned(site: Site) -> None:
    address, token = site.repository("round"), site.token("ann")
    git = site.clone(address, "one", token)
    commit = git.commit(**{"a.txt": "hello", "b/c.txt": "there"})
    git("push", "origin", "main")
    other = site.clone(address, "two", token)
    assert head_of(other) == commit
    assert (other.folder / "b/c.txt").read_text() == "there"


def test_a_push_is_written_down_with_its_event_and_its_pusher(site: Site) -> None:
    address, token = site.repository("told"), site.token("ann")
    git = site.clone(address, "told", token)
    first = git.commit()
    git("push", "origin", "main")
    second = git.commit()
    git("push", "origin", "main")
    assert moved(site, "told") == [("refs/heads/main", first, second)]
    push = pushes_of(site, "told")[0]
    assert push.state == "Received"
    assert push.created_by["name"] == "ann"
    with site.platform.database.read() as tx:
        event = events.newest(tx, limit=1)[0]
        assert rows.refs(tx, site.row("told").id) == {"refs/heads/main": second}
    assert (event.type, event.source, event.subject) == ("git.push", f"/delivery/{PROJECT}", "repositories/told")
    assert event.actor["name"] == "ann"
    assert event.data["refUpdates"] == [{"name": "refs/heads/main", "oldObjectId": first, "newObjectId": second}]


def test_a_branch_that_goes_back_or_away_is_written_down(site: Site) -> None:
    address, token = site.repository("force"), site.token("ann")
    git = site.clone(address, "force", token)
    git.commit()
    git("push", "origin", "main")
    git("push", "origin", "main:refs/heads/side")
    old = git.commit()
    git("push", "origin", "main")
    git("reset", "--hard", "--quiet", "HEAD~1")
    new = git.commit("another")
    assert git("push", "origin", "main", check=False).returncode
    git("push", "--force", "origin", "main")
    assert moved(site, "force") == [("refs/heads/main", old, new)]
    git("push", "origin", ":side")
    assert [(name, after) for name, _, after in moved(site, "force")] == [("refs/heads/side", NOTHING)]
    # Whoever runs the commit that was left behind can still fetch it.
    git("fetch", "--quiet", "origin", old)


def test_a_repository_may_forbid_both(site: Site) -> None:
    address, token = site.repository("strict"), site.token("ann")
    git = site.clone(address, "strict", token)
    git.commit()
    git("push", "origin", "main", "main:refs/heads/side")
    with site.platform.database.write() as tx:
        repositories.update(tx, PLATFORM, site.row("strict"), denies_force=True, denies_deletes=True, now=utc_now())
    git("commit", "--amend", "--quiet", "--allow-empty", "-m", "changed")
    assert "non-fast-forward" in git("push", "--force", "origin", "main", check=False).stderr
    assert "deletion prohibited" in git("push", "origin", ":side", check=False).stderr
    assert pushes_of(site, "strict")[0].state == "Void"


def test_the_default_branch_is_the_first_that_comes_and_cannot_be_deleted(site: Site) -> None:
    address, token = site.repository("master"), site.token("ann")
    git = site.clone(address, "master", token)
    git.commit()
    git("push", "origin", "main:refs/heads/master")
    assert site.row("master").default_branch == "refs/heads/master"
    other = site.git("again", token)
    other("clone", "--quiet", address, "there")
    assert (other.folder / "there/.git/HEAD").read_text().strip() == "ref: refs/heads/master"
    assert git("push", "origin", ":master", check=False).returncode


def test_tags_come_along(site: Site) -> None:
    address, token = site.repository("tags"), site.token("ann")
    git = site.clone(address, "tags", token)
    commit = git.commit()
    git("tag", "plain")
    git("tag", "-a", "-m", "said", "told")
    git("push", "origin", "main", "--tags")
    names = {name for name, _, _ in moved(site, "tags")}
    assert names == {"refs/heads/main", "refs/tags/plain", "refs/tags/told"}
    bare = site.platform.repositories.get(site.row("tags").id)
    assert bare.commit_of("refs/tags/told") == commit


def test_shallow_and_partial_clones_work(site: Site) -> None:
    address, token = site.repository("shallow"), site.token("ann")
    git = site.clone(address, "shallow", token)
    for number in range(3):
        git.commit(**{"a.txt": str(number)})
    git("push", "origin", "main")
    other = site.git("s", token)
    other("clone", "--quiet", "--depth", "1", address, "there")
    there = Git(other.folder / "there", f"Authorization: Bearer {token}")
    assert there("rev-list", "--count", "HEAD").stdout.strip() == "1"
    there("fetch", "--quiet", "--unshallow")
    assert there("rev-list", "--count", "HEAD").stdout.strip() == "3"
    other("clone", "--quiet", "--filter=blob:none", address, "partial")


@pytest.mark.parametrize("version", ["0", "1", "2"])
def test_every_version_of_the_protocol_is_spoken(site: Site, version: str) -> None:
    name = f"protocol-{version}"
    address, token = site.repository(name), site.token("ann")
    git = site.clone(address, name, token)
    commit = git.commit()
    git("-c", f"protocol.version={version}", "push", "origin", "main")
    other = site.git(f"of-{version}", token)
    other("-c", f"protocol.version={version}", "clone", "--quiet", address, "there")
    assert (other.folder / "there/.git/refs/heads/main").read_text().strip() == commit


def test_ten_thousand_files_go_both_ways(site: Site) -> None:
    address, token = site.repository("many"), site.token("ann")
    git = site.clone(address, "many", token)
    for folder in range(100):
        (git.folder / str(folder)).mkdir()
        for number in range(100):
            (git.folder / str(folder) / f"{number}.txt").write_text(f"{folder} {number}\n")
    commit = git.commit()
    git("push", "origin", "main")
    other = site.clone(address, "many-two", token)
    assert head_of(other) == commit
    assert len(list(other.folder.glob("*/*.txt"))) == 10_000


def test_a_large_file_goes_both_ways_in_pieces(site: Site) -> None:
    address, token = site.repository("large"), site.token("ann")
    git = site.clone(address, "large", token)
    body = os.urandom(20_000_000)
    (git.folder / "large.bin").write_bytes(body)
    git.commit()
    git("push", "origin", "main")
    other = site.clone(address, "large-two", token)
    assert (other.folder / "large.bin").read_bytes() == body


def test_a_submodule_of_the_same_home_is_cloned_with_it(site: Site) -> None:
    inner, outer, token = site.repository("inner"), site.repository("outer"), site.token("ann")
    git = site.clone(inner, "inner", token)
    git.commit(**{"inside.txt": "x"})
    git("push", "origin", "main")
    git = site.clone(outer, "outer", token)
    git("submodule", "--quiet", "add", "../inner", "part")
    git.commit()
    git("push", "origin", "main")
    other = site.git("whole", token)
    other("clone", "--quiet", "--recurse-submodules", outer, "there")
    assert (other.folder / "there/part/inside.txt").read_text() == "x"


def test_a_ref_with_odd_characters_is_data(site: Site) -> None:
    address, token = site.repository("odd"), site.token("ann")
    git = site.clone(address, "odd", token)
    commit = git.commit()
    odd = "refs/heads/a;$(touch x)`b`%0A#;'\"-é"
    git("push", "origin", f"main:{odd}".replace(" ", ""))
    assert moved(site, "odd") == [(odd.replace(" ", ""), NOTHING, commit)]


def test_our_own_refs_are_neither_seen_nor_pushed(site: Site) -> None:
    address, token = site.repository("own"), site.token("ann")
    git = site.clone(address, "own", token)
    commit = git.commit()
    git("push", "origin", "main")
    site.platform.repositories.get(site.row("own").id).keep(commit, "runs/1")
    assert git("ls-remote", "origin", "refs/pratique/*").stdout == ""
    assert git("push", "origin", "main:refs/pratique/mine", check=False).returncode
    with site.platform.database.read() as tx:
        assert set(rows.refs(tx, site.row("own").id)) == {"refs/heads/main"}


def test_a_name_that_is_no_text_is_refused_by_name(site: Site) -> None:
    address, token = site.repository("bytes"), site.token("ann")
    git = site.clone(address, "bytes", token)
    git.commit()
    said = subprocess.run(
        ["git", "-c", f"http.extraHeader=Authorization: Bearer {token}", "push", "origin", b"main:refs/heads/\xff"],
        cwd=git.folder, capture_output=True, check=False,
    )  # fmt: skip
    assert said.returncode
    assert b"no UTF-8" in said.stderr
    assert pushes_of(site, "bytes") == []


def test_a_broken_object_is_refused(site: Site) -> None:
    address, token = site.repository("fsck"), site.token("ann")
    git = site.clone(address, "fsck", token)
    git.commit(a="b")
    blob = git("rev-parse", "HEAD:a").stdout.strip()
    tree = git.folder / "tree"
    tree.write_bytes(b"100644 .git\0" + bytes.fromhex(blob))
    odd = git("hash-object", "-t", "tree", "-w", "--literally", str(tree)).stdout.strip()
    commit = git("commit-tree", odd, "-m", "odd").stdout.strip()
    assert git("push", "origin", f"{commit}:refs/heads/main", check=False).returncode
    assert pushes_of(site, "fsck")[0].state == "Void"


def test_hooks_settings_and_alternates_of_a_pusher_do_nothing(site: Site) -> None:
    address, token = site.repository("quiet"), site.token("ann")
    git = site.clone(address, "quiet", token)
    git.commit(**{"hooks/post-receive": "#!/bin/sh\ntouch /tmp/never", "config": "[core]", ".gitattributes": "* x"})
    git("push", "origin", "main")
    folder = site.platform.repositories.folder_of(site.row("quiet").id)
    assert not (folder / "hooks").exists()
    assert not (folder / "objects/info/alternates").exists()
    assert "hooks" not in (folder / "config").read_text()


def test_who_may_only_read_cannot_push_and_is_told_why(site: Site) -> None:
    address, token = site.repository("read"), site.token("ann")
    site.clone(address, "read", token)
    reader = site.clone(address, "reader", site.token("rita", "Reader"))
    reader.commit()
    said = reader("push", "origin", "main", check=False)
    assert said.returncode
    assert "rita may not do repositories/write" in said.stderr


def test_a_role_at_one_repository_opens_that_one_only(site: Site) -> None:
    mine, other = site.repository("mine"), site.repository("others")
    token = site.token("bob", "Contributor", f"/delivery/{PROJECT}/repositories/mine")
    git = site.clone(mine, "mine", token)
    git.commit()
    git("push", "origin", "main")
    said = git("ls-remote", other, check=False)
    assert "bob may not do repositories/read" in said.stderr


def test_nobody_comes_in_without_proving_who_they_are(site: Site) -> None:
    address = site.repository("closed")
    nobody = site.git("nobody")
    assert "could not read Username" in nobody("ls-remote", address, check=False).stderr
    wrong = address.replace("http://", "http://ann:wrong-secret@")
    assert "Authentication failed" in nobody("ls-remote", wrong, check=False).stderr


def test_a_secret_or_a_token_is_the_password(site: Site) -> None:
    address, token = site.repository("doors"), site.token("ann")
    credential = new_credential(now=utc_now())
    with site.platform.database.write() as tx:
        made = principals.create_service_principal(tx, PLATFORM, "ci", credential=credential, now=utc_now())
        roles.assign(tx, PLATFORM, role="Reader", assignee="ci", scope="/", now=utc_now())
    git = site.git("doors")
    for password, user in ((credential.secret, made.id), (credential.secret, "ci"), (token, "anything")):
        git("ls-remote", address.replace("http://", f"http://{user}:{password}@"))


def test_git_asks_no_more_often_than_the_others(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    address, token = site.repository("often"), site.token("often")
    monkeypatch.setitem(site.platform.__dict__, "rates", Rates(per_minute=12))  # Two at once.
    asked = [
        ask(site, "GET", f"{address}/info/refs?service=git-upload-pack", Authorization=f"Bearer {token}")
        for _ in range(3)
    ]
    assert [status for status, _ in asked] == [200, 200, 429]
    assert asked[2][1]["Retry-After"]


def test_who_guesses_passwords_of_repositories_is_told_to_wait(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    address = site.repository("guessed")
    monkeypatch.setitem(site.platform.__dict__, "sign_ins", SignIns(failures_per_minute=1))
    url = f"{address}/info/refs?service=git-upload-pack"
    guesses = [b64encode(f"guess-{turn}:wrong".encode()).decode() for turn in range(2)]
    statuses = [ask(site, "GET", url, Authorization=f"Basic {guess}")[0] for guess in guesses]
    assert statuses == [401, 429]


def test_a_page_that_a_browser_shows_cannot_push_with_its_cookie(site: Site) -> None:
    address = site.repository("cookie")
    cookie = f"pratique-session-{site.platform.settings.door_port}=anything"
    status, headers = ask(site, "GET", f"{address}/info/refs?service=git-receive-pack", Cookie=cookie)
    assert status == 401
    assert headers["WWW-Authenticate"] == 'Basic realm="pratique"'


@pytest.mark.parametrize(
    "path",
    [
        "/pratique/credit/_git/nothing/info/refs?service=git-upload-pack",
        "/pratique/credit/_git/..%2f..%2fkeys/info/refs?service=git-upload-pack",
        "/pratique/nowhere/_git/round/info/refs?service=git-upload-pack",
        "/pratique/credit/_git/round/objects/info/packs",
        "/pratique/credit/_git/round/HEAD",
        "/pratique/credit/_git/%00/info/refs?service=git-upload-pack",
    ],
)
def test_what_is_not_there_is_not_found(site: Site, path: str) -> None:
    assert ask(site, "GET", path, Authorization=f"Bearer {site.token('ann')}")[0] == 404


@pytest.mark.parametrize("service", ["", "git-upload-archive", "git-shell", "--help"])
def test_no_other_program_of_git_is_run(site: Site, service: str) -> None:
    address = site.repository(f"service{len(service)}")
    path = f"{address}/info/refs?service={service}"
    assert ask(site, "GET", path, Authorization=f"Bearer {site.token('ann')}")[0] == 400


def test_a_packed_question_that_grows_without_end_is_cut_off(site: Site) -> None:
    address = site.repository("bomb")
    headers = {"Authorization": f"Bearer {site.token('ann')}", "Content-Encoding": "gzip"}
    body = gzip.compress(bytes(100_000_000))
    assert ask(site, "POST", f"{address}/git-upload-pack", body=body, **headers)[0] == 413


def test_a_push_that_is_cut_off_moves_nothing(site: Site) -> None:
    address, token = site.repository("cut"), site.token("ann")
    git = site.clone(address, "cut", token)
    commit = git.commit(**{"a.txt": "x" * 100_000})
    pack = subprocess.run(
        ["git", "pack-objects", "--stdout", "--revs", "-q"],
        cwd=git.folder, input=b"main\n", capture_output=True, check=True,
    ).stdout  # fmt: skip
    line = f"{NOTHING} {commit} refs/heads/main\0report-status side-band-64k".encode()
    body = b"%04x" % (len(line) + 4) + line + b"0000" + pack
    connection = http.client.HTTPConnection(site.door.removeprefix("http://"), timeout=60)
    connection.putrequest("POST", f"{address.removeprefix(site.door)}/git-receive-pack")
    connection.putheader("Authorization", f"Bearer {token}")
    connection.putheader("Content-Length", str(len(body)))
    connection.endheaders(body[:-30])
    wait_until(lambda: [push.state for push in pushes_of(site, "cut")] == ["Receiving"])
    connection.close()
    wait_until(lambda: pushes_of(site, "cut")[0].state != "Receiving")
    known = site.row("cut")
    assert pushes_of(site, "cut")[0].state == "Void"
    assert site.platform.repositories.get(known.id).refs() == {}
    git("push", "origin", "main")


def test_what_was_pushed_before_a_kill_is_found_by_comparing(site: Site) -> None:
    address, token = site.repository("killed"), site.token("ann")
    git = site.clone(address, "killed", token)
    commit = git.commit()
    known, files, database = site.row("killed"), site.platform.repositories, site.platform.database
    wished = [RefUpdate("refs/heads/main", NOTHING, commit), RefUpdate("refs/heads/never", NOTHING, commit)]
    with database.write() as tx:
        pushes.begin(tx, PLATFORM, known, wished, now=utc_now())
    folder = str(files.folder_of(known.id))
    git("push", "--quiet", folder, "main", "main:refs/heads/beside")  # Nobody wrote these down.
    lock = files.pushing(known.id)
    assert not pushes.recover(database, files, known, now=utc_now())
    os.close(lock)
    assert pushes.recover(database, files, known, now=utc_now())
    first, second = reversed(pushes_of(site, "killed"))
    assert [one.name for one in first.moved] == ["refs/heads/main"]
    assert [one.name for one in second.moved] == ["refs/heads/beside"]
    assert pushes.recover(database, files, known, now=utc_now())
    assert len(pushes_of(site, "killed")) == 2


def test_pushes_at_the_same_time_are_all_written_down(site: Site) -> None:
    address, token = site.repository("together"), site.token("ann")
    gits = [site.clone(address, f"together-{number}", token) for number in range(6)]
    commits = {f"refs/heads/b{number}": git.commit(str(number)) for number, git in enumerate(gits)}
    running = [
        subprocess.Popen(
            ["git", "-c", f"http.extraHeader=Authorization: Bearer {token}", "push", "origin", f"main:{name}"],
            cwd=git.folder, stderr=subprocess.DEVNULL,
        )
        for name, git in zip(commits, gits, strict=True)
    ]  # fmt: skip
    assert [one.wait(60) for one in running] == [0] * 6
    with site.platform.database.read() as tx:
        assert rows.refs(tx, site.row("together").id) == commits
    assert {one.name for push in pushes_of(site, "together") for one in push.moved} == set(commits)
