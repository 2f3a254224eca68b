"""Files that are there whole or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from hybrid_tui.atomic import written_whole


def test_a_file_is_there_when_all_of_it_is(tmp_path: Path) -> None:
    path = tmp_path / "new" / "table.json"
    with written_whole(path) as partial:
        partial.write_text("[1, 2]")
        assert not path.exists()
    assert path.read_text() == "[1, 2]"
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("failure", [OSError("no space left"), KeyboardInterrupt()])
def test_what_fails_on_the_way_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, failure: BaseException
) -> None:
    path = tmp_path / "table.json"
    path.write_text("old")

    def write() -> None:
        with written_whole(path) as partial:
            partial.write_text("half of")
            raise failure

    with pytest.raises(type(failure)):
        write()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]
