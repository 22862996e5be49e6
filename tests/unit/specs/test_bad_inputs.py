"""Every bad input that our security rules name, as a file: each has its verdict, and none ends in a surprise.

The rules, in their words, and what happens to each here:

    unknown/misspelt keys · anchors/aliases bombs · duplicate keys · tabs ·
    yes/no/1e3/08 typing · dates as versions · Windows paths · BOM ·
    ${{ }} with missing job · cycles · >- folding with trailing spaces ·
    names that differ only by case · traffic a=60 b=60, negative, 100.5,
    mirror+live on one deployment

and beside them Windows line ends, 10 MB of YAML, NUL, deep nesting, half
characters, other encodings, YAML 1.1 words, octal and sexagesimal numbers,
tags that make objects, long keys and keys that are attributes of objects.

A path that a file names is read by the client alone and leads where it says;
a name never becomes a path: ``.. % \\ ; # ? NUL`` are in no name and in no
path inside of a reference.
"""

from pathlib import Path
from typing import Any, Final

import pytest

from pratique.base.errors import InvalidInput
from pratique.specs.kinds import load
from pratique.specs.reader import MAX_BYTES, document_of
from pratique.specs.references import parse_reference
from pratique.specs.verdicts import Verdict, judge

JOB: Final = "type: command\ncommand: echo\nenvironment: azureml:e:1\ncompute: azureml:cpu\n"
PIPELINE: Final = """\
type: pipeline
jobs:
  one: {command: "x ${{inputs.a}}", environment: "azureml:e:1", inputs: {a: "%s"}, outputs: {o: {type: uri_folder}}}
  two: {command: "x ${{inputs.a}}", environment: "azureml:e:1", inputs: {a: "%s"}, outputs: {o: {type: uri_folder}}}
"""
ENDPOINT: Final = "name: tide\nauth_mode: key\ntraffic: {%s}\nmirror_traffic: {%s}\n"
BOMB: Final = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 12)
)


def verdict(tmp_path: Path, body: str | bytes, kind: str = "") -> Verdict:
    file = tmp_path / "x.yml"
    file.write_bytes(body if isinstance(body, bytes) else body.encode())
    return judge(file, kind)


REFUSED: Final = [
    # What it is, the file, a part of what is said.
    ("a misspelt key", JOB + "resources: {insance_count: 1}", "x.yml:5 resources.insance_count: unknown key (did you"),
    ("an alias bomb", BOMB, "it expands to"),
    ("an alias bomb of mappings", "a: &a {x: 1}\n" + "".join(
        f"b{n}: &b{n} {{p: *{'a' if n == 0 else f'b{n - 1}'}, q: *{'a' if n == 0 else f'b{n - 1}'}}}\n"
        for n in range(40)), "it expands to"),
    ("a merge bomb", "a0: &a0 {k: 1}\n" + "".join(
        f"a{n}: &a{n} {{k{n}: [*a{n - 1}, *a{n - 1}], <<: *a{n - 1}}}\n" for n in range(1, 40)),
     "it expands to"),
    ("an alias that contains itself", "a: &a [*a]", "contains itself"),
    ("a duplicate key", JOB + "command: rm -rf /\n", "x.yml:5 command: the key is given twice, first in line 2"),
    ("a duplicate key inside", JOB + "inputs: {a: 1, b: 2, a: 3}\n", "x.yml:5 a: the key is given twice"),
    ("a tab", "type: command\nlimits:\n\ttimeout: 3\n", "x.yml:3: a tab cannot indent YAML"),
    ("yes where a number is meant", JOB + "limits: {timeout: yes}", "limits.timeout: expected a whole number; got yes"),
    ("1e3 where a whole number is meant", JOB + "limits: {timeout: 1.5e0}", "limits.timeout: expected a whole number"),
    ("08 where a whole number is meant", JOB + "limits: {timeout: -08}", "limits.timeout: expected"),
    ("a sexagesimal number", JOB + "limits: {timeout: 1:30}", "limits.timeout: expected a whole number; got 1:30"),
    ("a date as a version", "name: a\npath: x.yml\nversion: 2024-01-31", "is a date to other YAML loaders (quote it"),
    ("a binding to a missing job", PIPELINE % ("${{parent.jobs.three.outputs.o}}", "1"), "names no step"),
    ("a binding to a missing output", PIPELINE % ("${{parent.jobs.two.outputs.p}}", "1"), "one of the outputs of two"),
    ("a binding to a missing input", PIPELINE % ("${{parent.inputs.p}}", "1"), "not one of the pipeline's inputs"),
    ("a cycle of two", PIPELINE % ("${{parent.jobs.two.outputs.o}}", "${{parent.jobs.one.outputs.o}}"),
     "steps wait for each other: one → two → one"),
    ("a cycle of one", PIPELINE % ("${{parent.jobs.one.outputs.o}}", "1"), "one waits for itself"),
    ("steps that differ only by case", "type: pipeline\njobs:\n  fit: {command: x, environment: 'azureml:e:1'}\n"
     "  Fit: {command: x, environment: 'azureml:e:1'}\n", "only the case of letters tells it from fit"),
    ("inputs of a component that differ only by case", "name: c\ntype: command\nversion: 1\ncommand: x\n"
     "environment: azureml:e:1\ninputs: {a: {type: string}, A: {type: string}}\n", "only the case of letters"),
    ("inputs of a job that differ only by case", JOB + "inputs: {rows: 1, Rows: 2}", "only the case of letters"),
    ("outputs of a job that differ only by case", JOB + "outputs: {m: {}, M: {}}", "only the case of letters"),
    ("traffic of 120", ENDPOINT % ("a: 60, b: 60", ""), "a=60 b=60 is 120"),
    ("traffic of -10", ENDPOINT % ("a: -10, b: 110", ""), "expected a whole number from 0 to 100; got -10"),
    ("traffic of 100.5", ENDPOINT % ("a: 100.5", ""), "traffic.a: expected a whole number"),
    ("mirror and live on one deployment", ENDPOINT % ("a: 100", "a: 10"), "answers live requests"),
    ("a mirror of 60", ENDPOINT % ("a: 100", "b: 60"), "at most 50 per cent"),
    ("deployments that differ only by case", ENDPOINT % ("a: 50, A: 50", ""), "traffic.A"),
    ("a NUL in a text", JOB + 'description: "a\\0b"', "the character NUL"),
    ("a NUL in the file", JOB.encode() + b"description: a\0b", "x.yml:5"),
    ("a control character", JOB.encode() + b"description: a\x07b", "control characters are not allowed"),
    ("half of a character", JOB + 'description: "\\ud800"', "x.yml:5"),
    ("another encoding", JOB.encode() + "description: größe".encode("latin-1"), "x.yml:5: it is not UTF-8 text"),
    ("half of UTF-16", b"\xff\xfea", "it is not UTF-8 text"),
    ("deep lists", "a: " + "[" * 100_000, "it is nested deeper than 64 levels"),
    ("deep mappings", "".join(" " * n + "a:\n" for n in range(500)), "it is nested deeper than 64 levels"),
    ("a tag that makes an object", JOB + "inputs: !!python/object/apply:os.system ['touch pwned']", "is not read"),
    ("a tag that makes a tuple", JOB + "inputs: !!python/tuple [a]", "2002:python/tuple is not read"),
    ("a tag of somebody", JOB + "environment_variables: {A: !vault x}", "the tag !vault is not read"),
    ("a set", JOB + "inputs: !!set {a, b}", "is not read"),
    ("binary", JOB + "description: !!binary aGVsbG8=", "is not read"),
    ("two documents", JOB + "---\n" + JOB, "expected one document"),
    ("an attribute as a key", JOB + "__proto__: {type: x}", "__proto__: unknown key"),
    ("another attribute as a key", JOB + "__class__: x", "__class__: unknown key"),
    ("a field of the class as a key", JOB + "model_fields: {}", "model_fields: unknown key"),
    ("an attribute as an input", JOB + "inputs: {a: {type: string, __init__: x}}", "unknown key"),
    ("a long key", JOB + "k" * 1000 + ": 1", "unknown key"),
    ("a number that is none", JOB + "inputs: {a: .nan}", "is not a finite number"),
    ("an endless number", JOB + f"inputs: {{a: {'9' * 5000}}}", "is too long"),
    ("a mapping as a key", JOB + "inputs: {{NAME}}", "quote {{ }}"),
    ("a list as a key", JOB + "? [a]\n: 1\n", "the key of a mapping is text"),
    ("a list", "- a\n- b\n", "expected a mapping of keys; got a list"),
    ("a text", "just words", "expected a mapping of keys; got just words"),
    ("nothing", "", "the file is empty"),
    ("a Windows drive that is not there", JOB + "code: C:\\projects\\tide\n", "there is no folder of code"),
]  # fmt: skip


@pytest.mark.parametrize(("body", "said"), [case[1:] for case in REFUSED], ids=[case[0] for case in REFUSED])
def test_what_is_wrong_is_said_with_its_place(tmp_path: Path, body: str | bytes, said: str) -> None:
    found = verdict(tmp_path, body)
    assert not found.is_valid
    assert any(said in str(problem) for problem in found.problems), [str(problem) for problem in found.problems]
    assert not (tmp_path / "pwned").exists()
    assert not Path("pwned").exists()


def test_a_file_of_more_than_10_mb_is_not_read(tmp_path: Path) -> None:
    found = verdict(tmp_path, b"#" * (MAX_BYTES + 1))
    assert "larger than 10 MB" in str(found.problems[0])


@pytest.mark.parametrize("line", ["k%d: v\n", "- %d\n", "k%d: {a: [1, 2], b: &x%d {c: d}}\n"])
def test_nearly_10_mb_of_values_is_refused_before_it_fills_the_memory(tmp_path: Path, line: str) -> None:
    lines: list[str] = []
    size = 0
    while size < MAX_BYTES - 100:
        lines.append(line.replace("%d", str(len(lines))))
        size += len(lines[-1])
    found = verdict(tmp_path, "".join(lines))
    assert "it holds more than 20,000 values" in str(found.problems[0])
    assert found.problems[0].line < 20_003, "it reads no further than it has to"


ACCEPTED: Final[list[tuple[str, str | bytes, str, Any]]] = [
    # What it is, the file, a key of the values after defaults, what is there.
    ("Windows line ends", JOB.replace("\n", "\r\n"), "command", "echo"),
    ("old Mac line ends", JOB.replace("\n", "\r"), "command", "echo"),
    ("a byte order mark", b"\xef\xbb\xbf" + JOB.encode(), "command", "echo"),
    ("UTF-16", JOB.encode("utf-16"), "command", "echo"),
    ("folding with trailing spaces", JOB.replace("echo", ">-\n  echo a   \n  b \n  c"), "command", "echo a    b  c"),
    ("a literal with Windows line ends", JOB.replace("echo", "|\r\n  a\r\n  b"), "command", "a\nb\n"),
    ("yes is a word", JOB + "display_name: yes", "display_name", "yes"),
    ("yes is true for an input", JOB + "inputs: {a: yes, b: Off}", "inputs", {"a": True, "b": False}),
    ("a quoted yes is a word", JOB + "inputs: {a: 'yes'}", "inputs", {"a": "yes"}),
    ("08 is a word", JOB + "inputs: {a: 08}", "inputs", {"a": "08"}),
    ("1e3 is a number", JOB + "inputs: {a: 1e3}", "inputs", {"a": 1000.0}),
    ("0o17 is a number", JOB + "inputs: {a: 0o17}", "inputs", {"a": 15}),
    ("1:30 is a word", JOB + "inputs: {a: 1:30}", "inputs", {"a": "1:30"}),
    ("1_000 is a word", JOB + "inputs: {a: 1_000}", "inputs", {"a": "1_000"}),
    ("an attribute as name", JOB + "inputs: {__proto__: 1, __class__: 2}", "inputs", {"__proto__": 1, "__class__": 2}),
    ("a long name", JOB + f"tags: {{{'k' * 1000}: v}}", "tags", {"k" * 1000: "v"}),
    ("words of every script", JOB + "description: größe 長さ 🚢", "description", "größe 長さ 🚢"),
]  # fmt: skip


@pytest.mark.parametrize(("body", "key", "value"), [case[1:] for case in ACCEPTED], ids=[case[0] for case in ACCEPTED])
def test_what_only_looks_odd_is_read(tmp_path: Path, body: str | bytes, key: str, value: Any) -> None:
    found = verdict(tmp_path, body)
    assert found.spec is not None, [str(problem) for problem in found.problems]
    assert found.spec.to_document()[key] == value


def test_a_windows_path_is_a_path_here(tmp_path: Path) -> None:
    (tmp_path / "src" / "inner").mkdir(parents=True)
    assert verdict(tmp_path, JOB + "code: .\\src\\inner\n").is_valid


# --- paths ---------------------------------------------------------------------------------------------------------

CROOKED: Final = (
    "..", "../x", "a/../../b", "..\\x", "a%2e%2e/b", "%252e%252e", "a;b", "a#b", "a?b", "a\0b", "a\\..\\b",
    "/etc/passwd",
    "a//b", "./a", "~/x", "a\nb",
)  # fmt: skip
"""Rules for paths, one by one: none of these is a name, and none is a path inside of anything."""


@pytest.mark.parametrize("name", CROOKED)
@pytest.mark.parametrize("kind", ["data", "environment", "model"])
def test_no_name_is_a_path(kind: str, name: str) -> None:
    small = {"name": name, "path": "https://example.com/x", "image": "x"}
    keys = {"data": ("name", "path"), "model": ("name", "path"), "environment": ("name", "image")}[kind]
    with pytest.raises(InvalidInput):
        load(kind, document_of({key: small[key] for key in keys}))


INSIDE: Final = (
    "azureml://datastores/d/paths/{}", "azureml://jobs/j/outputs/o/paths/{}", "runs:/r/{}",
    "azureml://datastores/{}/paths/p", "azureml://jobs/{}/outputs/o", "azureml:{}:1", "azureml:a:{}", "azureml:a@{}",
    "azureml://registries/{}/models/m/versions/1", "upload:" + "0" * 64 + "/{}",
)  # fmt: skip


@pytest.mark.parametrize(
    "crooked", ["..", "../x", "a/../../b", "a%2e%2e/b", "a;b", "a#b", "a?b", "a\0b", "a\\b", "a\nb"]
)
@pytest.mark.parametrize("reference", INSIDE)
def test_no_reference_leads_out_of_what_it_names(reference: str, crooked: str) -> None:
    with pytest.raises(InvalidInput):
        parse_reference(reference.format(crooked))


@pytest.mark.parametrize("script", ["../score.py", "/etc/passwd", "a\\..\\..\\b.py", "..", "a//b.py", "a\0.py"])
def test_a_scoring_script_is_inside_its_code(script: str) -> None:
    spec = {
        "name": "blue", "endpoint_name": "tide", "model": "azureml:m:1", "environment": "azureml:e:1",
        "code_configuration": {"code": "src", "scoring_script": script},
    }  # fmt: skip
    with pytest.raises(InvalidInput) as caught:
        load("online-deployment", document_of(spec))
    assert caught.value.problems[0].key == "code_configuration.scoring_script"


@pytest.mark.parametrize(
    "path", ["azureml://datastores/d/paths/../x", "../x", "/etc/x", "file:///etc/x", "https://x.com/y"]
)
def test_an_output_is_written_to_no_path_of_this_machine(path: str) -> None:
    spec = {"command": "x", "environment": "azureml:e:1", "outputs": {"m": {"path": path}}}
    with pytest.raises(InvalidInput) as caught:
        load("job", document_of(spec))
    assert caught.value.problems[0].key == "outputs.m.path"
