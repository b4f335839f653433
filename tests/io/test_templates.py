from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from bidsdeid.core.cohort import ADULT, CHILDREN, INFANTS
from bidsdeid.errors import ToolError, UsageError
from bidsdeid.io import templates
from bidsdeid.io.templates import (
    TemplateFolders,
    face_mask,
    find_template,
    load_pair,
    load_template,
    template_folders,
    template_path,
    templates_for,
)
from bidsdeid.resources import installed_folder, pydeface_atlas
from template_files import ALL, save, small_atlas, write_template


@pytest.fixture
def folders(tmp_path: Path) -> TemplateFolders:
    return TemplateFolders(tmp_path / "home", (tmp_path / "own", tmp_path / "home"))


@pytest.mark.parametrize(
    ("environ", "home", "masks"),
    [
        ({"HOME": "/h"}, "/h/.cache/templateflow", ["/h/.cache/templateflow"]),
        ({"HOME": "/h", "TEMPLATEFLOW_HOME": "/t"}, "/t", ["/t"]),
        ({"HOME": "/h", "XDG_CACHE_HOME": "/c"}, "/c/templateflow", ["/c/templateflow"]),
        (
            {"HOME": "/h", "TEMPLATEFLOW_HOME": "/t", "BIDSDEID_TEMPLATES": "/b"},
            "/t",
            ["/b", "/t"],
        ),
        ({}, "/.cache/templateflow", ["/.cache/templateflow"]),
    ],
)
def test_where_templates_are_looked_for(
    environ: dict[str, str], home: str, masks: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(templates, "IMAGE_HOME", Path("/nowhere"))
    found = template_folders(environ=environ)
    cache = Path(environ.get("XDG_CACHE_HOME") or f"{environ.get('HOME', '')}/.cache")
    assert found.home == Path(home)
    assert found.masks == (*map(Path, masks), cache / "bidsdeid/templates")


def test_the_image_has_a_folder_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(templates, "IMAGE_HOME", tmp_path)
    assert template_folders(environ={}).home == tmp_path
    assert template_folders(environ={"TEMPLATEFLOW_HOME": "/t"}).home == Path("/t")
    assert template_folders(Path("/x"), {"TEMPLATEFLOW_HOME": "/t"}).home == Path("/x")


def test_the_names_are_those_of_templateflow() -> None:
    import zipfile  # noqa: PLC0415

    archive = installed_folder("templateflow") / "conf" / "templateflow-skel.zip"
    with zipfile.ZipFile(archive) as files:
        names = set(files.namelist())
    for cohort in (*INFANTS, *CHILDREN):
        for ending in ("T1w", "T2w", "desc-brain_mask"):
            assert str(template_path(Path(), cohort, ending)) in names


def test_a_template_is_loaded_with_its_masks(folders: TemplateFolders) -> None:
    write_template(folders.home, INFANTS[2])
    small = small_atlas(0.7)
    atlas = load_template(find_template(INFANTS[2], "T1w", folders))
    assert atlas.name == "MNIInfant:3 T1w"
    assert (atlas.keep == small.keep).all()
    assert (atlas.brain == small.brain).all()
    np.testing.assert_allclose(atlas.affine, small.affine, atol=1e-4)
    np.testing.assert_allclose(atlas.head, small.head)


def test_the_contrast_is_that_of_the_image_and_no_other_stands_in(
    folders: TemplateFolders,
) -> None:
    write_template(folders.home, INFANTS[0])
    write_template(folders.home, INFANTS[1], tuple(e for e in ALL if e != "T2w"))
    names = [files.name for files in templates_for(1.0, "T2w", folders)]
    assert names == ["MNIInfant:1 T2w"]
    with pytest.raises(ToolError, match="MNIInfant:2 T2w is missing"):
        templates_for(3.0, "T2w", folders)
    inverted = load_template(find_template(INFANTS[0], "T2w", folders))
    assert not np.allclose(inverted.head, small_atlas(0.7).head)


@pytest.mark.parametrize("months", [-2.0, 1.0, 59.0])
def test_a_child_without_its_template_is_an_error(folders: TemplateFolders, months: float) -> None:
    for cohort in (INFANTS[4], *CHILDREN):
        write_template(folders.home, cohort)
    with pytest.raises(ToolError, match="bidsdeid templates fetch --cohort MNIInfant:1"):
        templates_for(months, "T1w", folders)


def test_a_template_without_a_face_mask_is_an_error(folders: TemplateFolders) -> None:
    write_template(folders.home, INFANTS[0], ("T1w", "T2w", "desc-brain_mask"))
    with pytest.raises(ToolError, match="bidsdeid templates build --cohort MNIInfant:1"):
        templates_for(1.0, "T1w", folders)


def test_the_empty_stubs_of_templateflow_are_no_templates(folders: TemplateFolders) -> None:
    write_template(folders.home, INFANTS[0])
    for ending in ("T1w", "T2w"):
        template_path(folders.home, INFANTS[0], ending).write_bytes(b"")
    with pytest.raises(ToolError, match="fetch"):
        find_template(INFANTS[0], "T1w", folders)


def test_a_brain_mask_may_be_missing(folders: TemplateFolders) -> None:
    write_template(folders.home, INFANTS[0], ("T1w", "desc-face_mask"))
    assert load_template(find_template(INFANTS[0], "T1w", folders)).brain is None


def test_older_children_have_their_own_if_it_is_there_and_all_have_the_adult_one(
    folders: TemplateFolders,
) -> None:
    assert [files.name for files in templates_for(100.0, "T1w", folders)] == ["pydeface"]
    write_template(folders.home, CHILDREN[1], ("T1w",))  # no face mask: not usable
    write_template(folders.home, CHILDREN[2])
    names = [files.name for files in templates_for(100.0, "T1w", folders)]
    assert names == ["MNIPediatricAsym:3 T1w", "pydeface"]
    assert [files.name for files in templates_for(float("inf"), "T1w", folders)] == ["pydeface"]
    assert load_template(find_template(ADULT, "T1w", folders)) is pydeface_atlas()


def test_the_first_folder_with_a_face_mask_counts(folders: TemplateFolders) -> None:
    write_template(folders.home, INFANTS[0])
    assert face_mask(folders, INFANTS[0]) == template_path(
        folders.home, INFANTS[0], "desc-face_mask"
    )
    write_template(folders.masks[0], INFANTS[0], ("desc-face_mask",))
    assert face_mask(folders, INFANTS[0]) == template_path(
        folders.masks[0], INFANTS[0], "desc-face_mask"
    )


@pytest.mark.parametrize("ending", ALL)
def test_a_damaged_template_is_the_tools_fault(folders: TemplateFolders, ending: str) -> None:
    write_template(folders.home, INFANTS[0])
    path = template_path(folders.home, INFANTS[0], ending)
    path.write_bytes(path.read_bytes()[:500])
    contrast = ending if ending in {"T1w", "T2w"} else "T1w"
    with pytest.raises(ToolError, match="again") as caught:
        load_template(find_template(INFANTS[0], contrast, folders))
    assert str(folders.home) not in str(caught.value)


def test_a_face_mask_of_the_other_polarity_is_refused(folders: TemplateFolders) -> None:
    write_template(folders.home, INFANTS[0])
    small = small_atlas(0.7)
    save(template_path(folders.home, INFANTS[0], "desc-face_mask"), small.keep, small.affine)
    with pytest.raises(ToolError, match="1 on the face"):
        load_template(find_template(INFANTS[0], "T1w", folders))


def test_a_pair_of_the_user(tmp_path: Path) -> None:
    small = small_atlas()
    head = save(tmp_path / "head.nii.gz", small.head, small.affine)
    mask = save(tmp_path / "mask.nii.gz", small.keep, small.affine)
    atlas = load_pair(head, mask)
    assert (atlas.keep == small.keep).all()
    assert atlas.brain is None
    for pair, word in (
        ((head, save(tmp_path / "x.nii.gz", ~small.keep, small.affine)), "voxels are kept"),
        ((head, None), "grid"),
        ((None, mask), "grid"),
        ((tmp_path / "missing.nii", mask), "template cannot be read"),
        ((head, tmp_path / "missing.nii"), "face mask cannot be read"),
        ((head, head), "other values"),
        ((save(tmp_path / "y.nii.gz", small.head * 0, small.affine), mask), "same everywhere"),
    ):
        with pytest.raises(UsageError, match=word):
            load_pair(*pair)


def test_one_of_a_pair_goes_with_the_other_of_pydeface(tmp_path: Path) -> None:
    own = pydeface_atlas()
    smaller = own.keep.copy()
    smaller[:, :10] = False
    mask = save(tmp_path / "mask.nii", smaller, own.affine)
    atlas = load_pair(None, mask)
    assert (atlas.keep == smaller).all()
    assert (atlas.head == own.head).all()


def test_all_of_this_without_importing_templateflow(tmp_path: Path) -> None:
    program = (
        "import sys\n"
        "import bidsdeid.run.templates as t\n"
        "assert t.main(['list']) == 0\n"
        "assert not any(m.partition('.')[0] == 'templateflow' for m in sys.modules)\n"
    )
    subprocess.run(
        [sys.executable, "-c", program],
        check=True,
        capture_output=True,
        env={"HOME": str(tmp_path), "TEMPLATEFLOW_HOME": str(tmp_path / "tf")},
    )
    assert list(tmp_path.iterdir()) == []


def test_files_are_values(folders: TemplateFolders) -> None:
    write_template(folders.home, INFANTS[0])
    files = find_template(INFANTS[0], "T1w", folders)
    assert nib.load(files.head).shape == nib.load(files.mask).shape
    assert load_template(files) is load_template(replace(files))
