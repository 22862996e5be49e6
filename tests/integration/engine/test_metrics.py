"""What replicas count, gathered by the platform."""

import re

from pratique.engine import metrics
from pratique.engine.replicas import socket_of
from pratique.store import replicas as rows

from .conftest import House

SCRIPT = "def init(): pass\ndef run(raw): return 1\n"


def text_of(house: House) -> str:
    deployment = house.deployment()
    with house.database.read() as tx:
        return metrics.text_of(house.home, [(deployment, rows.of_deployment(tx, deployment.id))])


def test_each_replica_has_its_own_samples_and_each_family_one_meaning(house: House) -> None:
    house.make_endpoint()
    house.deploy(SCRIPT, instance_count=2)
    house.deployer.step()
    text = text_of(house)
    lines = text.splitlines()
    named = f'deployment="{house.deployment().workspace}/{house.deployment().endpoint}/{house.deployment().name}"'
    for slot in (0, 1):
        assert f'pratique_replica_up{{{named},replica="{slot}"}} 1' in lines
        assert f'pratique_rows_total{{{named},model="",replica="{slot}"}} 0' in lines
    types = [line.split()[2] for line in lines if line.startswith("# TYPE")]
    assert len(types) == len(set(types))
    # The samples of a family stand together, below what it is.
    families = [re.sub(r"_(bucket|sum|count)$", "", line.split("{")[0]) for line in lines if not line.startswith("#")]
    assert [name for place, name in enumerate(families) if name not in families[:place]] == [
        name for name in types if name in families
    ]


def test_a_replica_that_does_not_answer_is_told_to_be_down(house: House) -> None:
    house.make_endpoint()
    house.deploy(SCRIPT)
    house.deployer.step()
    with house.database.read() as tx:
        [replica] = rows.of_deployment(tx, house.deployment().id)
    socket_of(house.home, replica).unlink()
    text = text_of(house)
    assert re.search(r"pratique_replica_up\{.*\} 0\n", text)
    assert "pratique_rows_total" not in text
