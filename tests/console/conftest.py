"""A firm with a console, for each test anew."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from firm import Scene, staged


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    """A console with its people, and nothing in the record yet."""
    with staged(tmp_path) as scene:
        yield scene


@pytest.fixture
def filled(scene: Scene) -> Scene:
    """The same with answers, cases, an alarm and an intervention."""
    scene.fill()
    return scene
