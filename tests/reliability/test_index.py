"""Rows 34 and 35: an index that belongs to other tables or to another drivetr."""

import json
import shlex

from drivetr.data.nuscenes.store import index_folder
from tests.reliability.world import VERSION, World


def remedy_of(said: str) -> list[str]:
    """The command that ends a sentence, without the word drivetr."""
    drivetr, *words = shlex.split(said.partition("rebuild it: ")[2])
    assert drivetr == "drivetr"
    return words


def test_row_34_tables_changed_after_the_index(world: World):
    world.accepted(world.write().index)
    for name in ("instance", "sample_annotation"):
        world.tables[name] = []
    said = world.write().refused(world.train())
    assert f"{world.table('instance')} has changed since its index" in said
    assert not list(world.run.glob("*.pth"))
    assert " 0 boxes" in world.accepted(remedy_of(said))
    world.accepted(world.train())


def test_row_35_index_of_another_schema(world: World):
    world.accepted(world.write().index)
    header = index_folder(world.root, VERSION) / "header.json"
    content = json.loads(header.read_text())
    header.write_text(json.dumps(content | {"schema": content["schema"] - 1}))
    said = world.refused(world.train())
    assert f"{header}: the index has schema {content['schema'] - 1}, this drivetr needs" in said
    assert not list(world.run.glob("*.pth"))
    world.accepted(remedy_of(said))
    assert json.loads(header.read_text())["schema"] == content["schema"]
    world.accepted(world.train())
