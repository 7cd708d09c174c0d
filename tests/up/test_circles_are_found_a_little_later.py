"""Processes that handle mail in bulk look for circles of objects seldom; what is in a circle goes all the same."""

import gc
import weakref
from collections.abc import Iterator

import pytest

from mailplatform.shell.garbage import NEW_OBJECTS, look_seldom


class Circle:
    def __init__(self) -> None:
        self.itself = self


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    thresholds = gc.get_threshold()
    yield
    gc.unfreeze()
    gc.set_threshold(*thresholds)


def test_a_circle_goes_before_many_more_objects_are_made() -> None:
    look_seldom()
    gone = weakref.ref(Circle())
    assert gone() is not None
    kept = [[] for _ in range(2 * NEW_OBJECTS)]
    assert gone() is None, f"still there after {len(kept):,} new objects"


def test_what_was_there_before_is_looked_through_no_more() -> None:
    look_seldom()
    assert len(gc.get_objects()) < gc.get_freeze_count()
