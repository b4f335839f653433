"""The images, and the example as one of them de-identified it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from app_runs import EXAMPLE, Run
from container import images
from container.engines import Engine
from container.places import ARGUMENTS, Place, made_place
from trees import digest


@pytest.fixture(scope="session")
def engine() -> Engine:
    return images.engine()


@pytest.fixture(scope="session")
def image() -> str:
    return images.image()


@pytest.fixture(scope="session")
def sif() -> Path:
    return images.sif()


@pytest.fixture
def place() -> Iterator[Place]:
    with made_place() as made:
        yield made


@pytest.fixture(scope="session")
def released(engine: Engine, image: str) -> Iterator[Run]:
    """The example, de-identified in the image."""
    before = digest(EXAMPLE, times=True)
    with made_place() as place:
        done = engine.run(image, *ARGUMENTS, "--nprocs", "2", options=place.options)
        words = done.stdout + done.stderr
        assert "Traceback" not in words, words
        assert digest(EXAMPLE, times=True) == before
        yield Run(done.returncode, place.out, place.out.with_name("out_private"), words)
