"""`identity`, with the words of az."""

from typing import Any

import pytest

ID = "/subscriptions/s/resourceGroups/rg/providers/Microsoft.ManagedIdentity/userAssignedIdentities/scorer"


@pytest.fixture
def scorer(platform: Any) -> None:
    platform.identities["scorer"] = {"name": "scorer", "resourceGroup": "rg", "id": ID, "clientId": "c-1"}


def test_it_is_made_in_a_group(platform: Any, pratique: Any) -> None:
    assert pratique("identity", "create", "-n", "scorer").code == 2
    ran = pratique("identity", "create", "-n", "scorer", "-g", "rg", "-l", "westeurope", "--tags", "a=b")
    assert ran.code == 0, ran.err
    assert platform.identities["scorer"] == {"name": "scorer", "location": "westeurope", "tags": {"a": "b"}}


@pytest.mark.usefixtures("scorer")
def test_it_is_named_by_its_group_or_by_its_id(pratique: Any) -> None:
    for words in (("-n", "scorer", "-g", "rg"), ("--ids", ID)):
        assert pratique("identity", "show", *words, "--query", "clientId", "-o", "tsv").out == "c-1\n"
    assert pratique("identity", "show", "-n", "scorer", "--ids", ID).code == 2
    assert "is not the id of an identity" in pratique("identity", "show", "--ids", "/x").err
    assert pratique("identity", "list", "-g", "other").out.strip() == "[]"


@pytest.mark.usefixtures("scorer")
def test_what_is_gone_can_be_deleted_again(platform: Any, pratique: Any) -> None:
    assert "scorer: deleted" in pratique("identity", "delete", "-n", "scorer", "-g", "rg").err
    assert not platform.identities
    ran = pratique("identity", "delete", "-n", "scorer", "-g", "rg")
    assert (ran.code, "nothing to delete" in ran.err) == (0, True)
