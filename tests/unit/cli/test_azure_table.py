"""Every verb and flag of Azure's that people's scripts use: here, or refused in words."""

from fnmatch import fnmatchcase
from typing import Any, Final

import pytest

from pratique.cli import not_here
from pratique.cli.grammar import arguments_of, verbs_of
from pratique.cli.index import INDEX
from pratique.cli.table import Verb

VERBS: Final = {verb.path: verb for row in INDEX for verb in verbs_of(row).values()}
GLOBAL: Final = {"--query", "--output", "-o", "--help", "-h", "--debug", "--verbose", "--only-show-errors"}
PLACE: Final = "-g --resource-group -w --workspace-name --subscription"
EDITS: Final = "--set --add --remove --force-string"
LISTS: Final = "--max-results -r --include-archived --archived-only"

AZURE: Final = {
    # What az ml v2 takes, as its users' scripts and its reference write it; -g, -w, --query and -o are added to each.
    "workspace create": f"-n --name -f --file -l --location --display-name --description --tags --no-wait {EDITS} "
    "--application-insights --container-registry --key-vault --storage-account --hub-id --managed-network "
    "--public-network-access",
    "workspace show": "-n --name",
    "workspace list": "",
    "workspace update": f"-n --name --display-name --description --image-build-compute --public-network-access "
    f"--managed-network --no-wait {EDITS}",
    "workspace delete": "-n --name -y --yes --all-resources --permanently-delete --no-wait",
    "workspace provision-network": None, "workspace outbound-rule": None, "workspace diagnose": None,
    "workspace list-keys": None, "workspace sync-keys": None,
    "data create": f"-f --file -n --name -v --version -t --type -p --path --description --tags --datastore --no-wait "
    f"--skip-validation --registry-name {EDITS}",
    "data show": "-n --name -v --version -l --label --registry-name",
    "data list": f"-n --name {LISTS} --registry-name",
    "data update": f"-n --name -v --version -l --label --registry-name {EDITS}",
    "data archive": "-n --name -v --version -l --label --registry-name",
    "data restore": "-n --name -v --version -l --label --registry-name",
    "data share": None, "data mount": None, "data import": None, "data list-materialization-status": None,
    "datastore create": f"-f --file -n --name {EDITS}",
    "datastore show": "-n --name",
    "datastore list": "--max-results -r",
    "datastore update": f"-n --name {EDITS}",
    "datastore delete": "-n --name -y --yes",
    "datastore mount": None,
    "environment create": f"-f --file -n --name -v --version -i --image -c --conda-file --build-context "
    f"--dockerfile-path --os-type --description --tags --datastore --no-wait --registry-name {EDITS}",
    "environment show": "-n --name -v --version -l --label --registry-name",
    "environment list": f"-n --name {LISTS} --registry-name",
    "environment update": f"-n --name -v --version -l --label --registry-name {EDITS}",
    "environment archive": "-n --name -v --version -l --label --registry-name",
    "environment restore": "-n --name -v --version -l --label --registry-name",
    "environment share": None,
    "component create": f"-f --file -n --name -v --version --registry-name --no-wait --skip-validation {EDITS}",
    "component show": "-n --name -v --version -l --label --registry-name",
    "component list": f"-n --name {LISTS} --registry-name",
    "component update": f"-n --name -v --version -l --label --registry-name {EDITS}",
    "component archive": "-n --name -v --version -l --label --registry-name",
    "component restore": "-n --name -v --version -l --label --registry-name",
    "component prepare-for-sign": None,
    "job create": f"-f --file -n --name -s --stream -e --web --save-as --skip-validation {EDITS}",
    "job validate": f"-f --file {EDITS}",
    "job show": "-n --name -e --web",
    "job list": f"--parent-job-name -p {LISTS}",
    "job stream": "-n --name",
    "job cancel": "-n --name --no-wait",
    "job archive": "-n --name",
    "job restore": "-n --name",
    "job download": "-n --name --all --output-name --download-path -p",
    "job update": f"-n --name -e --web {EDITS}",
    "job connect-ssh": None, "job show-services": None,
    "model create": f"-f --file -n --name -v --version -t --type -p --path -s --stage --description --tags --datastore "
    f"--no-wait --registry-name {EDITS}",
    "model show": "-n --name -v --version -l --label --registry-name",
    "model list": f"-n --name {LISTS} --stage --registry-name",
    "model update": f"-n --name -v --version -l --label --registry-name {EDITS}",
    "model archive": "-n --name -v --version -l --label --registry-name",
    "model restore": "-n --name -v --version -l --label --registry-name",
    "model download": "-n --name -v --version --download-path -p --registry-name",
    "model delete": "-n --name -v --version",
    "model package": None, "model share": None,
    "compute create": f"-f --file -n --name -t --type -s --size --tier --min-instances --max-instances "
    f"--idle-time-before-scale-down -i --identity-type --user-assigned-identities -l --location --description --tags "
    f"--admin-username --admin-password --ssh-key-value --ssh-public-access-enabled --vnet-name --subnet "
    f"--user-object-id --user-tenant-id --enable-node-public-ip --no-wait {EDITS}",
    "compute show": "-n --name",
    "compute list": "-t --type --max-results",
    "compute update": f"-n --name --min-instances --max-instances --idle-time-before-scale-down -i --identity-type "
    f"--user-assigned-identities --no-wait {EDITS}",
    "compute delete": "-n --name -y --yes --no-wait --action",
    "compute start": "-n --name --no-wait",
    "compute stop": "-n --name --no-wait",
    "compute restart": "-n --name --no-wait",
    "compute attach": None, "compute detach": None, "compute connect-ssh": None, "compute enable-sso": None,
    "compute list-nodes": None, "compute list-sizes": None, "compute list-usage": None,
    "online-endpoint create": f"-f --file -n --name --auth-mode --no-wait --local --web {EDITS}",
    "online-endpoint show": "-n --name --local",
    "online-endpoint list": "--local",
    "online-endpoint update": f"-n --name -f --file -r --traffic -m --mirror-traffic --no-wait --local {EDITS}",
    "online-endpoint delete": "-n --name -y --yes --no-wait --local",
    "online-endpoint invoke": "-n --name -r --request-file -d --deployment-name --local",
    "online-endpoint get-credentials": "-n --name --local",
    "online-endpoint regenerate-keys": "-n --name --key-type --no-wait",
    "online-deployment create": f"-f --file -n --name -e --endpoint-name --endpoint --all-traffic --no-wait --local "
    f"--skip-script-validation --package-model --vscode-debug {EDITS}",
    "online-deployment show": "-n --name -e --endpoint-name --endpoint --local",
    "online-deployment list": "-e --endpoint-name --endpoint --local",
    "online-deployment update": f"-f --file -n --name -e --endpoint-name --endpoint --no-wait --local "
    f"--skip-script-validation {EDITS}",
    "online-deployment delete": "-n --name -e --endpoint-name --endpoint -y --yes --no-wait --local",
    "online-deployment get-logs": "-n --name -e --endpoint-name --endpoint -l --lines --container --local",
    "batch-endpoint create": None, "batch-deployment create": None, "schedule create": None,
    "connection create": None, "registry list": None, "serverless-endpoint create": None,
    "feature-store create": None, "feature-set create": None,
}  # fmt: skip
"""The verb below `ml` and its flags; None for one that is refused as a whole."""

HERE: Final = {path: f"{flags} {PLACE}".split() for path, flags in AZURE.items() if flags is not None}
REFUSED: Final = [path for path, flags in AZURE.items() if flags is None]


def flags_of(verb: Verb) -> set[str]:
    return {flag for argument in arguments_of(verb) for flag in argument.flags} | GLOBAL


def required(verb: Verb) -> list[str]:
    """The least that has to be typed, so that nothing else than the flag under test is wrong."""
    words: list[str] = []
    for argument in arguments_of(verb):
        if argument.settings.get("required"):
            words += [argument.flags[0], str(next(iter(argument.settings.get("choices", ["x"]))))]
    return words


@pytest.mark.parametrize("path", HERE)
def test_every_flag_of_azure_is_taken_or_refused_in_words(path: str) -> None:
    verb = VERBS[f"ml {path}"]
    known = flags_of(verb)
    unknown = [flag for flag in HERE[path] if flag not in known]
    silent = [flag for flag in unknown if not (not_here.why_refused(verb.path, flag) or _nothing(verb, flag))]
    # `workspace list` has no workspace to choose, so -w has nothing to say there.
    assert [flag for flag in silent if not (path == "workspace list" and flag in ("-w", "--workspace-name"))] == []


def _nothing(verb: Verb, flag: str) -> str:
    return not_here.why_nothing(verb.path, flag)


@pytest.mark.parametrize("path", REFUSED)
def test_every_verb_of_azure_that_is_not_here_says_so(path: str, pratique: Any) -> None:
    ran = pratique("ml", *path.split(), "-n", "x")
    assert (ran.code, ran.out) == (2, "")
    assert "is a command of az that this version does not have yet" in ran.err
    assert "hint: " in ran.err


@pytest.mark.parametrize(("pattern", "flag", "why"), not_here.FLAGS)
def test_a_refused_flag_is_refused_by_its_sentence(pattern: str, flag: str, why: str, pratique: Any) -> None:
    verbs = [verb for path, verb in VERBS.items() if fnmatchcase(path, pattern) and flag not in flags_of(verb)]
    assert verbs, "a refusal of nothing"
    for verb in verbs[:5]:
        ran = pratique(*verb.path.split(), *required(verb), flag, "x")
        assert (ran.code, ran.out) == (2, "")
        assert f"{flag} is not in this version" in ran.err
        assert f"hint: {why}" in ran.err


@pytest.mark.parametrize(("path", "flag", "why"), not_here.ACCEPTED)
def test_a_switch_that_changes_nothing_is_said(path: str, flag: str, why: str, pratique: Any, nowhere: Any) -> None:
    verb = VERBS[path]
    assert flag not in flags_of(verb)
    ran = pratique(*path.split(), *required(verb), flag, "--query", "x")
    assert f"{flag}: {why}" in ran.err
    assert "not understood" not in ran.err


@pytest.mark.parametrize("path", not_here.GROUPS)
def test_a_group_that_is_not_here_says_what_to_do_instead(path: str, pratique: Any) -> None:
    ran = pratique(*path.split(), "list", "-g", "x")
    assert (ran.code, ran.out) == (2, "")
    assert f"`{path}` is a command of az that this version does not have yet" in ran.err
    assert f"hint: {not_here.GROUPS[path]}" in ran.err


def test_what_is_refused_is_not_here() -> None:
    assert not set(not_here.VERBS) & set(VERBS)
    assert not set(not_here.GROUPS) & {row.path for row in INDEX}


@pytest.mark.parametrize("output", ["json", "jsonc", "yaml", "yamlc", "table", "tsv", "none"])
def test_an_unknown_name_is_an_error_in_every_format(output: str, platform: Any, pratique: Any) -> None:
    for argv in (
        ("model", "show", "-n", "absent", "-v", "1"),
        ("model", "list", "-n", "absent"),
        ("component", "show", "-n", "absent", "-l", "latest"),
        ("job", "show", "-n", "absent"),
        ("compute", "show", "-n", "absent"),
        ("online-endpoint", "show", "-n", "absent"),
        ("workspace", "show", "-n", "absent"),
    ):
        ran = pratique("ml", *argv, "-o", output)
        assert (ran.code, ran.out) == (3, ""), argv
        assert ran.err.startswith("error: ")


def test_queries_of_scripts_choose_from_lists(platform: Any, pratique: Any) -> None:
    for name in ("a", "b"):
        platform.jobs[name] = {
            "name": name, "tags": {}, "status": "Completed", "display_name": f"shown {name}",
            "properties": {"azureml.x": name},
        }  # fmt: skip
    for query, printed in (
        ("[0].name", "a"),
        ("[].name", "a\nb"),
        ("[?name=='b'].status | [0]", "Completed"),
        ("[?contains(display_name,'n b')].name", "b"),
        ('[0].properties."azureml.x"', "a"),
        ("length(@)", "2"),
        ("[].{Name:name,Status:status}", "a\tCompleted\nb\tCompleted"),
    ):
        assert pratique("ml", "job", "list", "--query", query, "-o", "tsv").out == f"{printed}\n"
    table = pratique("ml", "job", "list", "--query", "[].{Name:name,Status:status}", "-o", "table").out
    assert table.split() == ["Name", "Status", "------", "---------", "a", "Completed", "b", "Completed"]
    assert pratique("ml", "job", "list", "-o", "none").out == ""
    assert pratique("ml", "job", "list", "--query", "[0].name", "-o", "yaml").out.strip().strip(".").strip() == "a"
