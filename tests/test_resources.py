from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from jsonschema import Draft202012Validator
from scipy import ndimage

from bidsdeid.core.policy import Decision
from bidsdeid.errors import PolicyError, ToolError, UsageError
from bidsdeid.resources import (
    field_schemas,
    installed_folder,
    load_policy,
    policy_names,
    policy_text,
    pydeface_atlas,
)


def test_the_atlas_has_a_face_in_front() -> None:
    atlas = pydeface_atlas()
    assert atlas.head.shape == atlas.keep.shape
    assert nib.aff2axcodes(atlas.affine) == ("R", "A", "S")
    face = np.argwhere(~atlas.keep).mean(axis=0)
    assert atlas.brain is not None
    brain = np.argwhere(atlas.brain).mean(axis=0)
    assert 0.02 < 1 - atlas.keep.mean() < 0.5
    assert face[1] > brain[1]  # before
    assert face[2] < brain[2]  # below


def test_the_atlas_has_a_brain_that_is_kept() -> None:
    atlas = pydeface_atlas()
    assert atlas.brain is not None
    assert atlas.brain.shape == atlas.head.shape
    assert (atlas.head.dtype, atlas.keep.dtype, atlas.brain.dtype) == (np.float32, bool, bool)
    litres = atlas.brain.sum() * abs(np.linalg.det(atlas.affine)) / 1e6
    assert 1.1 < litres < 1.8
    assert atlas.keep[atlas.brain].all()
    assert ndimage.label(atlas.brain)[1] == 1
    tissue = np.percentile(atlas.head[atlas.brain], 2)
    assert tissue > 3 * np.median(atlas.head[:, :, -20:])
    left, right = (half.sum() for half in np.array_split(atlas.brain[28:150], 2))
    assert 0.8 < left / right < 1.25
    assert pydeface_atlas() is atlas


def test_a_package_that_is_not_installed_is_told() -> None:
    assert (installed_folder("niimath") / "bin").is_dir()
    with pytest.raises(ToolError, match="no_such_package"):
        installed_folder("no_such_package")


def test_field_schemas_are_json_schema() -> None:
    schemas = field_schemas()
    assert {"EchoTime", "Manufacturer", "SliceTiming", "Units"} <= set(schemas)
    for schema in schemas.values():
        Draft202012Validator.check_schema(dict(schema))
    echo = Draft202012Validator(dict(schemas["EchoTime"]))
    assert echo.is_valid(0.03)
    assert not echo.is_valid(-1)
    assert not echo.is_valid("Doe")


def test_every_packaged_policy_compiles() -> None:
    assert "default" in policy_names()
    for name in policy_names():
        policy = load_policy(name)
        assert policy.files
        assert policy.keys
        assert policy.columns


def test_a_policy_that_extends_another_has_its_rules_first(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(
        '[policy]\nname = "mine"\nversion = "1"\nextends = "default"\n'
        '[[file]]\nsuffix = "T1w"\naction = "withhold"\nreason = "mine"\n'
        '[[key]]\nfields = "InstitutionName"\naction = "keep"\nreason = "mine"\n'
        '[[column]]\ntable = "events"\nfields = "mood"\nkind = "number"\nreason = "mine"\n'
    )
    mine, default = load_policy(str(path)), load_policy("default")
    assert mine.name == "mine"
    assert mine.files[0].decision is Decision.WITHHOLD
    assert mine.files[1:] == default.files
    assert mine.key_rule("image", "InstitutionName").action == "keep"
    assert default.key_rule("image", "InstitutionName").action == "drop"
    assert mine.column_rule("events", "mood").kind == "number"
    assert mine.key_rule("image", "EchoTime") == default.key_rule("image", "EchoTime")


def test_policies_that_cannot_be_read_are_told(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="default"):
        policy_text("defualt")
    path = tmp_path / "mine.toml"
    path.write_text("[policy\n")
    with pytest.raises(PolicyError, match="not TOML"):
        load_policy(str(path))
    path.write_bytes(b'[policy]\nname = "\xff"\n')
    with pytest.raises(UsageError):
        load_policy(str(path))
    path.write_text('[policy]\nname = "x"\nversion = "1"\nextends = "missing"\n')
    with pytest.raises(UsageError):
        load_policy(str(path))


def test_the_digest_tells_policies_of_one_name_apart() -> None:
    default = load_policy("default")
    assert default.digest == load_policy("default").digest
    assert default.digest != load_policy("default", deface_all=True).digest
