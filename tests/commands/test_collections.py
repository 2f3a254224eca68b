"""What the engine keeps out of garbage collections, and what it must not keep."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator

import pytest

from hybrid_tui.commands.garbage import keep_loaded_out_of_collections


class Ring:
    """An object that refers to itself: only a collection frees it."""

    def __init__(self) -> None:
        self.itself = self


@pytest.fixture
def frozen() -> Iterator[None]:
    gc.disable()
    yield
    gc.unfreeze()
    gc.enable()


@pytest.mark.usefixtures("frozen")
def test_garbage_is_freed_and_what_is_used_is_left_out_of_collections() -> None:
    used = Ring()
    lost = weakref.ref(Ring())
    assert lost() is not None
    keep_loaded_out_of_collections()
    assert lost() is None
    assert all(found is not used for found in gc.get_objects())
