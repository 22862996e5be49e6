"""Exit codes, errors, help and output: what every command has in common."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import pratique as package
from pratique.cli.grammar import typed_words
from pratique.cli.main import run
from pratique.cli.table import Row

# --- verbs and flags ------------------------------------------------------------------------------------------------


def test_help_lists_groups_and_verbs_and_writes_nothing(nowhere: Path, pratique: Any) -> None:
    ran = pratique("--help")
    assert (ran.code, ran.err) == (0, "")
    assert "ml " in ran.out
    assert "login" in ran.out
    assert "…" not in ran.out
    assert not (nowhere / "config").exists()


def test_no_words_at_all_are_answered_with_help(nowhere: Path, pratique: Any) -> None:
    assert pratique().out == pratique("--help").out


def test_help_of_a_group_shows_its_verbs_with_their_sentences(nowhere: Path, pratique: Any) -> None:
    ran = pratique("ml", "job", "--help")
    assert ran.code == 0
    assert "stream   : Follow the log of a job until it ends; exit 1 when it failed." in ran.out


def test_the_flag_version_prints_the_version(nowhere: Path, pratique: Any) -> None:
    assert pratique("--version").out == f"pratique {package.__version__}\n"


@pytest.mark.parametrize(
    ("argv", "near"),
    [
        (["versoin"], "pratique version"),
        (["ml", "jbo", "create"], "pratique ml job"),
        (["ml", "job", "craete", "-f", "x"], "pratique ml job create"),
        (["ml", "job", "show", "--nmae", "x"], "--nmae → --name"),
        (["ml", "online-endpont", "list"], "online-endpoint"),
    ],
)
def test_what_is_unknown_exits_2_and_names_what_is_near(
    nowhere: Path, pratique: Any, argv: list[str], near: str
) -> None:
    ran = pratique(*argv)
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith("error: ")
    assert "\n\nhint: " in ran.err
    assert near in ran.err


def test_a_verb_of_az_that_is_not_there_yet_is_not_taken_for_a_misspelling(nowhere: Path, pratique: Any) -> None:
    ran = pratique("ml", "batch-endpoint", "create", "-f", "x")
    assert ran.code == 2
    assert "`ml batch-endpoint` is a command of az that this version does not have yet" in ran.err


def test_a_group_without_a_verb_exits_2_and_names_its_verbs(nowhere: Path, pratique: Any) -> None:
    ran = pratique("account")
    assert ran.code == 2
    assert "get-access-token, list, set, show" in ran.err or "show, list, set, get-access-token" in ran.err


def test_a_required_flag_that_is_missing_exits_2(nowhere: Path, pratique: Any) -> None:
    ran = pratique("ml", "job", "stream")
    assert ran.code == 2
    assert "--name/-n" in ran.err


def test_a_file_without_its_flag_is_told_with_it(nowhere: Path, pratique: Any) -> None:
    ran = pratique("ml", "job", "create", "job.yml")
    assert ran.code == 2
    assert ran.err.endswith("hint: did you mean -f job.yml?\n")


def test_a_flag_before_the_verb_is_refused_because_it_would_be_forgotten(nowhere: Path, pratique: Any) -> None:
    ran = pratique("-o", "table", "version")
    assert ran.code == 2
    assert "stands before the verb" in ran.err


def test_verbs_are_read_in_any_case(nowhere: Path, pratique: Any) -> None:
    assert pratique("Version").code == 0
    assert typed_words(["ML", "Job", "-n", "X"]) == ["ml", "job"]


def test_the_beginning_of_a_flag_is_enough(platform: Any, pratique: Any) -> None:
    platform.endpoints["e"] = {"name": "e"}
    assert pratique("ml", "online-deployment", "list", "--endpoint", "e").out == "[]\n"


def test_rows_of_the_layer_above_are_verbs_like_ours(
    nowhere: Path, tmp_path: Path, monkeypatch: Any, capfd: Any
) -> None:
    (tmp_path / "rows_of_app.py").write_text(
        "from pratique.cli.table import Table, flag\n"
        'TABLE = Table("up")\n'
        '@TABLE.verb("", arguments=(flag("port", type=int, help="Port."),), examples={"Start": "pratique up"})\n'
        "def up(*, port: int | None) -> dict[str, object]:\n"
        '    """Start the platform."""\n'
        '    return {"port": port}\n'
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    rows = [Row("up", "rows_of_app", "Start the platform.")]
    assert run(["up", "--port", "1", "--query", "port", "-o", "tsv"], extra_tables=rows) == 0
    assert capfd.readouterr().out == "1\n"
    assert run(["--help"], extra_tables=rows) == 0
    assert "up        : Start the platform." in capfd.readouterr().out


# --- errors ---------------------------------------------------------------------------------------------------------


def test_the_server_s_error_comes_with_its_hint(platform: Any, pratique: Any) -> None:
    ran = pratique("ml", "model", "show", "-n", "m", "-v", "7")
    assert (ran.code, ran.out) == (3, "")
    assert ran.err == "error: there is no 'm' in version '7'\n\nhint: see list\n"


def test_without_a_platform_the_way_to_start_one_is_said(nowhere: Path, pratique: Any) -> None:
    ran = pratique("ml", "job", "list")
    assert (ran.code, ran.out) == (1, "")
    assert "hint: start it with `pratique up`" in ran.err


def _row_that(folder: Path, monkeypatch: Any, name: str, does: str) -> Row:
    """A verb of its own group that does one thing."""
    (folder / f"{name}_row.py").write_text(
        "from pratique.cli.table import Table\n"
        f'TABLE = Table("{name}")\n'
        f'@TABLE.verb("", examples={{"Try": "pratique {name}"}})\n'
        f"def {name}() -> None:\n"
        '    """Do it."""\n'
        f"    {does}\n"
    )
    monkeypatch.syspath_prepend(str(folder))
    return Row(name, f"{name}_row", "Do it.")


def test_a_mistake_of_ours_is_one_line_and_not_a_traceback(
    nowhere: Path, tmp_path: Path, monkeypatch: Any, capfd: Any
) -> None:
    row = _row_that(tmp_path, monkeypatch, "broken", 'raise KeyError("x")')
    assert run(["broken"], extra_tables=[row]) == 1
    said = capfd.readouterr().err
    assert said.startswith("error: KeyError: 'x'")
    assert "Traceback" not in said


def test_ctrl_c_while_modules_are_imported_ends_quietly(tmp_path: Path) -> None:
    # What a shell has put into the background ignores the signal, and so does all that it starts.
    hears = "signal.signal(signal.SIGINT, signal.default_int_handler)"
    (tmp_path / "knack.py").write_text(f"import os, signal\n{hears}\nos.kill(os.getpid(), signal.SIGINT)\n")
    command = [sys.executable, "-m", "pratique", "ml", "job", "list"]
    ended = subprocess.run(command, env={"PYTHONPATH": str(tmp_path)}, capture_output=True, timeout=60, check=False)
    assert (ended.returncode, ended.stdout, ended.stderr) == (130, b"", b"")


def test_ctrl_c_within_a_verb_has_the_exit_code_of_shells(
    nowhere: Path, tmp_path: Path, monkeypatch: Any, capfd: Any
) -> None:
    row = _row_that(tmp_path, monkeypatch, "waiting", "raise KeyboardInterrupt")
    assert run(["waiting"], extra_tables=[row]) == 130
    assert capfd.readouterr().err == ""


def test_only_show_errors_silences_what_is_no_error(nowhere: Path, pratique: Any) -> None:
    assert pratique("extension", "add", "-n", "ml").err != ""
    assert pratique("extension", "add", "-n", "ml", "--only-show-errors").err == ""
    ran = pratique("config", "set", "core.only_show_errors=maybe")
    assert (ran.code, "expected true or false" in ran.err) == (2, True)
    assert pratique("config", "set", "core.only_show_errors=yes").err == ""
    assert pratique("extension", "add", "-n", "ml").err == ""
    assert pratique("config", "set", "core.only_show_errors=").err == ""
    assert pratique("extension", "add", "-n", "ml").err != ""
    assert pratique("ml", "job", "list", "--only-show-errors").err.startswith("error: ")


def test_debug_shows_requests_and_no_secret(platform: Any) -> None:
    argv = ["login", "--service-principal", "-u", "app", "-p", "s3cret", "--tenant", "t", "--debug"]
    code = f"import sys; from pratique.cli.main import run; sys.exit(run({argv!r}))"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert "POST /oauth2/token" in ran.stderr
    assert "s3cret" not in ran.stderr + ran.stdout
    assert "token-of-app" not in ran.stderr


def test_verbose_shows_requests_on_stderr(platform: Any) -> None:
    code = "import sys; from pratique.cli.main import run; sys.exit(run(['group', 'list', '--verbose']))"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert ran.stderr == "INFO: GET /api/v1/groups: 200\n"
    assert json.loads(ran.stdout)[0]["name"] == "rg"


def test_a_reader_that_leaves_is_no_error(nowhere: Path) -> None:
    code = "import sys; from pratique.cli.main import run; sys.exit(run(['version']))"
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.close()
    assert process.stderr is not None
    assert process.stderr.read() == b""
    process.stderr.close()
    assert process.wait(timeout=60) == 0


# --- output ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def two_jobs(platform: Any) -> None:
    platform.jobs["a"] = {"name": "a", "status": "Completed", "display_name": "train x", "inputs": {"n": 1}}
    platform.jobs["b"] = {"name": "b", "status": "Failed", "display_name": None}


@pytest.mark.usefixtures("two_jobs")
@pytest.mark.parametrize(
    ("query", "form", "out"),
    [
        ("[0].name", "tsv", "a\n"),
        ("[].name", "tsv", "a\nb\n"),
        ("[?status=='Failed'].name | [0]", "tsv", "b\n"),
        ("[].{Name:name,State:status}", "tsv", "a\tCompleted\nb\tFailed\n"),
        ("length(@)", "json", "2\n"),
        ("[?contains(display_name, 'x')].name", "json", '[\n  "a"\n]\n'),
        ("[?starts_with(display_name, 'tr')].name", "tsv", "a\n"),
        ("[?ends_with(absent, 'x')].name", "json", "[]\n"),
        ("[9].name", "json", ""),
        ("[].absent.deeper", "json", "[]\n"),
        ("[0].inputs.n", "yaml", "1\n...\n"),
    ],
)
def test_a_query_chooses_from_the_result(pratique: Any, query: str, form: str, out: str) -> None:
    ran = pratique("ml", "job", "list", "--query", query, "-o", form)
    assert (ran.code, ran.out, ran.err) == (0, out, "")


@pytest.mark.usefixtures("two_jobs")
@pytest.mark.parametrize("query", ["[", "nofunction(@)", "length(`1`)", "[].{a: contains(name)}", ""])
def test_a_query_that_cannot_be_applied_exits_2(pratique: Any, query: str) -> None:
    ran = pratique("ml", "job", "list", "--query", query)
    assert (ran.code, ran.out) == (2, "")
    assert "error: --query" in ran.err


@pytest.mark.usefixtures("two_jobs")
def test_a_result_has_the_format_that_is_asked_for(pratique: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    assert [one["name"] for one in json.loads(pratique("ml", "job", "list").out)] == ["a", "b"]
    table = pratique("ml", "job", "list", "-o", "table").out.splitlines()
    assert table[0].split() == ["Name", "Display", "name", "Experiment", "Status", "Created"]
    assert pratique("ml", "job", "list", "-o", "none").out == ""
    assert "- display_name: train x" in pratique("ml", "job", "list", "-o", "yaml").out
    monkeypatch.setenv("AZURE_CORE_OUTPUT", "tsv")
    assert pratique("ml", "job", "list", "--query", "[].name").out == "a\nb\n"
    assert pratique("ml", "job", "list", "--query", "[0].name", "-o", "JSON").out == '"a"\n'


@pytest.mark.usefixtures("two_jobs")
def test_a_format_that_is_none_exits_2(pratique: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    assert pratique("ml", "job", "list", "-o", "xml").code == 2
    monkeypatch.setenv("AZURE_CORE_OUTPUT", "xml")
    ran = pratique("ml", "job", "list")
    assert ran.code == 2
    assert "core.output is 'xml'" in ran.err


def test_text_is_printed_as_it_is_unless_a_format_is_asked_for(platform: Any, pratique: Any) -> None:
    platform.deployments["e", "blue"] = {"name": "blue"}
    argv = ["ml", "online-deployment", "get-logs", "-e", "e", "-n", "blue", "--lines", "2"]
    assert pratique(*argv).out == "line 98\nline 99\n"
    assert pratique(*argv, "-o", "json").out == '"line 98\\nline 99\\n"\n'
    assert pratique(*argv, "--query", "length(@)", "-o", "tsv").out == "16\n"


# --- speed: what must not be imported ---------------------------------------------------------------------------------


def imported_by(*argv: str) -> set[str]:
    code = (
        "import sys; from pratique.cli.main import run; code = run(sys.argv[1:]);"
        "print(code, *sys.modules, sep='\\n', file=sys.stderr)"
    )
    ran = subprocess.run([sys.executable, "-c", code, *argv], capture_output=True, text=True, timeout=60, check=True)
    lines = ran.stderr.splitlines()
    assert lines[0] == "0", ran.stderr
    return set(lines)


def test_help_imports_no_verb_and_no_client(nowhere: Path) -> None:
    modules = imported_by("--help")
    assert "urllib3" not in modules
    assert "yaml" not in modules
    assert not {row for row in modules if row.startswith("pratique.cli.") and row.endswith(("job", "model", "place"))}


def test_a_reading_verb_imports_no_specs(platform: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZURE_DEFAULTS_WORKSPACE", "ws")
    for argv in (
        ["ml", "model", "list"],
        ["ml", "job", "list"],
        ["ml", "online-endpoint", "list"],
        ["account", "show"],
    ):
        modules = imported_by(*argv)
        assert not {"pydantic", "yaml", "jmespath", "tabulate", "pygments", "structlog", "pathspec"} & modules
        light = {"pratique.specs", "pratique.specs.edits", "pratique.specs.keys"}  # What flags want, and no reader.
        light |= {"pratique.content", "pratique.content.paths"}  # What names of files may be.
        heavy = {name for name in modules if name.startswith(("pratique.specs", "pratique.content"))}
        assert not heavy - light


def test_what_is_in_a_resource_group_says_so_as_with_az(platform: Any, pratique: Any) -> None:
    arm = "/subscriptions/s/resourceGroups/rg-1/providers/Microsoft.MachineLearningServices/workspaces/ws"
    platform.jobs["a"] = {"name": "a", "tags": {}, "status": "Completed", "id": f"azureml:{arm}/jobs/a"}
    assert pratique("ml", "job", "show", "-n", "a", "--query", "resourceGroup", "-o", "tsv").out == "rg-1\n"
    assert pratique("ml", "job", "list", "--query", "[].resourceGroup", "-o", "tsv").out == "rg-1\n"
    platform.jobs["a"]["id"] = "elsewhere"
    assert '"resourceGroup"' not in pratique("ml", "job", "show", "-n", "a").out
