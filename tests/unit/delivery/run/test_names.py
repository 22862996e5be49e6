"""Names of runs."""

from datetime import UTC, datetime

import pytest

from pratique.delivery.run.names import finished, prepared

NOW = datetime(2019, 5, 5, 21, 7, 3, tzinfo=UTC)
KNOWN = {"TeamProject": "Fabrikam", "Build.DefinitionName": "CIBuild", "SourceBranchName": "master", "BuildID": "752",
         "v": "$(Rev:r)", "path": "a/b:c"}  # fmt: skip


@pytest.mark.parametrize(
    ("style", "revision", "expected"),
    [
        ("$(Date:yyyyMMdd).$(Rev:r)", 2, "20190505.2"),
        ("$(TeamProject)_$(Build.DefinitionName)_$(SourceBranchName)_$(Date:yyyyMMdd)$(Rev:.r)", 2,
         "Fabrikam_CIBuild_master_20190505.2"),
        ("$(Rev:rrr)", 7, "007"),
        ("$(DayOfMonth)-$(DayOfYear)-$(Hours)-$(Minutes)-$(Month)-$(Seconds)", 1, "5-125-21-7-5-3"),
        ("$(Year:yy)$(Year:yyyy)$(date:MMddyy)", 1, "192019050519"),
        ("release $(BuildID)", 1, "release 752"),
        ("$(noSuch)", 1, "$(noSuch)"),
        ("$(path)", 1, "a_b_c"),
        ("$(v)", 1, "$(Rev_r)"),
        ("static", 9, "static"),
        ("ends with a dot.", 1, "ends with a dot"),
        ("", 4, "4"),
        ("a" * 300, 1, "a" * 255),
    ],
)  # fmt: skip
def test_the_name_of_a_run_is_made_as_its_style_says(style: str, revision: int, expected: str) -> None:
    assert finished(prepared(style, NOW, KNOWN.get), revision) == expected


def test_runs_whose_names_are_equal_but_for_the_revision_count_together() -> None:
    first = prepared("$(Date:yyyyMMdd).$(Rev:r)", NOW, KNOWN.get)
    assert first.prefix == prepared("$(Date:yyyyMMdd).$(Rev:r)", NOW.replace(hour=1), KNOWN.get).prefix == "20190505."
    assert first.prefix != prepared("$(Date:yyyyMMdd).$(Rev:r)", NOW.replace(day=6), KNOWN.get).prefix


def test_the_words_of_names_are_variables_of_the_platform() -> None:
    known = {"Build.DefinitionName": "CI", "Build.BuildId": "7", "Build.SourceBranchName": "main",
             "System.TeamProject": "ml", "buildid": ""}  # fmt: skip
    style = "$(TeamProject)_$(BuildDefinitionName)_$(SourceBranchName)_$(BuildID)"
    assert finished(prepared(style, NOW, known.get), 1) == "ml_CI_main_7"
