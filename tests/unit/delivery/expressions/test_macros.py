"""Macros are replaced as the agent scans for them."""

import pytest

from pratique.delivery.expressions.macros import Variable, expanded, macros_in, replaced
from pratique.delivery.expressions.values import folded

KNOWN = {
    "wsName": "dev-ws", "setversion.modelversion": "7", "empty": "", "auto-trigger-training": "true", "two words": "x",
    "nested": "$(wsName)", "paren": ")",
}  # fmt: skip


def _lookup(name: str) -> str | None:
    return {folded(key): value for key, value in KNOWN.items()}.get(folded(name))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("$(wsName)", "dev-ws"),
        ("$(WSNAME)", "dev-ws"),
        ("a $(wsName) b $(wsName)", "a dev-ws b dev-ws"),
        ("$(setversion.modelversion)", "7"),
        ("$(auto-trigger-training)", "true"),
        ("$(two words)", "x"),
        ("[$(empty)]", "[]"),
        ("$(noSuch)", "$(noSuch)"),
        ("$()", "$()"),
        ("$(", "$("),
        ("$(wsName", "$(wsName"),
        ("$wsName ${wsName} $[wsName]", "$wsName ${wsName} $[wsName]"),
        # The outer text names no variable, so the scan goes on one character further.
        ("$(az ml model list -w $(wsName) --query x)", "$(az ml model list -w dev-ws --query x)"),
        ("echo $(date) $(wsName)", "echo $(date) dev-ws"),
        ("$($(wsName))", "$(dev-ws)"),
        # What was put in is not looked at again.
        ("$(nested)", "$(wsName)"),
        ("$(nested))", "$(wsName))"),
        ("$(paren)$(wsName)", ")dev-ws"),
        ("$$(wsName)", "$dev-ws"),
        ("$(ws$(wsName)", "$(wsdev-ws"),
        ("$( wsName )", "$( wsName )"),
        ("`date` $((1+1)) $(wsName)", "`date` $((1+1)) dev-ws"),
    ],
)
def test_macros_with_a_value_are_put_in_and_all_else_stays(text: str, expected: str) -> None:
    assert replaced(text, _lookup) == expected


def test_every_name_that_is_asked_for_is_told() -> None:
    assert macros_in("$(a $(b) $(c)") == ["a $(b", "b", "c"]


def test_variables_expand_in_one_another_three_deep() -> None:
    found, warnings = expanded(
        [
            Variable("namespace", "credit"),
            Variable("postfix", "0001"),
            Variable("environment", "dev"),
            Variable("workspace", "mlw-$(namespace)-$(postfix)$(environment)"),
            Variable("path", "/$(workspace)/$(noSuch)"),
        ]
    )
    assert found["PATH"].value == "/mlw-credit-0001dev/$(noSuch)"
    assert warnings == []


def test_what_holds_a_secret_is_a_secret() -> None:
    found, _ = expanded(
        [
            Variable("key", "s3", is_secret=True),
            Variable("url", "x?$(key)"),
            Variable("far", "$(url)"),
            Variable("o", "p"),
        ]
    )
    assert [found[name].is_secret for name in ("KEY", "URL", "FAR", "O")] == [True, True, True, False]


def test_a_cycle_stays_as_text_and_is_said() -> None:
    found, warnings = expanded([Variable("a", "x$(b)"), Variable("b", "y$(a)"), Variable("c", "$(c)")])
    assert (found["A"].value, found["B"].value, found["C"].value) == ("xy$(a)", "yx$(b)", "$(c)")
    assert len(warnings) >= 3


def test_fifty_levels_are_the_end() -> None:
    chain = [Variable(f"v{n}", f"$(v{n + 1})") for n in range(80)] + [Variable("v80", "end")]
    found, warnings = expanded(chain)
    assert found["V40"].value == "end"
    assert found["V0"].value.startswith("$(v")
    assert any("50 levels" in warning for warning in warnings)


@pytest.mark.parametrize("text", ["$(" * 200_000 + ")", "$(a" * 100_000, "$(a)" * 100_000, "(" * 100_000 + ")"])
def test_a_hostile_text_is_scanned_once(text: str) -> None:
    # Quadratic time would be minutes here.
    assert replaced(text, _lookup) == text


def test_a_tangle_of_variables_ends() -> None:
    names = [f"v{number}" for number in range(30)]
    tangle = [Variable(name, "".join(f"$({other})" for other in names if other != name)[:400]) for name in names]
    found, warnings = expanded(tangle)
    assert len(found) == 30
    assert warnings


def test_what_strangers_wrote_reads_no_variable() -> None:
    found, warnings = expanded(
        [
            Variable("key", "s3cret", is_secret=True),
            Variable("Build.SourceVersionMessage", "look: $(key)"),
            Variable("System.PullRequest.SourceBranch", "$(Build.SourceVersionMessage)"),
            Variable("said", "<$(build.sourceVersionMessage)>"),
        ]
    )
    assert found[folded("said")] == Variable("said", "<look: $(key)>")
    assert found[folded("System.PullRequest.SourceBranch")].value == "$(Build.SourceVersionMessage)"
    assert not warnings
