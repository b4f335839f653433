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


def write(path: Path, extends: str, *names: str, reason: str = "") -> Path:
    """Write a policy that drops some fields; each says by which file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(
        f'[policy]\nname = "{path.stem}"\nversion = "1"\n{extends}\n'
        f'[[key]]\nfields = {list(names)}\naction = "drop"\nreason = "{reason or path.stem}"\n'
    )
    return path


def test_a_policy_may_extend_one_that_extends_another(tmp_path: Path) -> None:
    fields = ["EchoTime", "FlipAngle", "SAR", "Units"]
    write(tmp_path / "lab" / "low.toml", 'extends = "open-science"', *fields[:3])
    write(tmp_path / "lab" / "mid.toml", 'extends = "low.toml"', *fields[:2])
    top = write(tmp_path / "top.toml", 'extends = "lab/mid.toml"', *fields[:1])
    policy = load_policy(str(top))
    assert policy.name == "top"
    assert [policy.key_rule("image", key).reason for key in fields[:3]] == ["top", "mid", "low"]
    open_science, default = load_policy("open-science"), load_policy("default")
    for key in ("ShimSetting", "Units"):
        assert policy.key_rule("image", key) == open_science.key_rule("image", key)
    assert open_science.key_rule("image", "ShimSetting").action == "drop"
    assert policy.key_rule("image", "Units") == default.key_rule("image", "Units")
    assert policy.files == default.files


def test_a_path_counts_from_the_file_that_names_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / "base.toml", "", "EchoTime", reason="not this one")
    write(tmp_path / "lab" / "base.toml", "", "EchoTime", reason="this one")
    write(tmp_path / "lab" / "mine.toml", 'extends = "base.toml"', "FlipAngle")
    monkeypatch.chdir(tmp_path)
    policy = load_policy("lab/mine.toml")
    assert policy.key_rule("image", "EchoTime").reason == "this one"


def test_a_file_does_not_stand_in_for_a_packaged_policy(tmp_path: Path) -> None:
    write(tmp_path / "default", "", "EchoTime")
    mine = write(tmp_path / "mine.toml", 'extends = "default"', "FlipAngle")
    assert load_policy(str(mine)).key_rule("image", "EchoTime").action == "keep"


def test_policies_that_extend_each_other_in_a_circle_are_told(tmp_path: Path) -> None:
    (tmp_path / "lab").mkdir()
    write(tmp_path / "self.toml", 'extends = "self.toml"', "EchoTime")
    write(tmp_path / "one.toml", 'extends = "lab/../two.toml"', "EchoTime")
    write(tmp_path / "two.toml", 'extends = "./one.toml"', "EchoTime", "NoSuchField")
    for name, circle in (
        ("self.toml", "self.toml → self.toml"),
        ("one.toml", "one.toml → two.toml → one.toml"),
    ):
        with pytest.raises(PolicyError) as caught:
            load_policy(str(tmp_path / name))
        assert caught.value.mistakes == (f"`extends` goes round in a circle: {circle}",)


@pytest.mark.parametrize(
    ("content", "word"),
    [
        (None, "default, hipaa-safe-harbor, open-science"),
        (b"[policy\n", "base.toml is not TOML"),
        (b'[policy]\nname = "\xff"\n', "base.toml cannot be read as UTF-8 text"),
    ],
)
def test_a_policy_below_that_cannot_be_read_is_one_mistake_of_several(
    tmp_path: Path, content: bytes | None, word: str
) -> None:
    if content is not None:
        (tmp_path / "base.toml").write_bytes(content)
    mine = write(tmp_path / "mine.toml", 'extends = "base.toml"\ncolour = "red"', "EchoTime")
    with pytest.raises(PolicyError) as caught:
        load_policy(str(mine))
    told, own = caught.value.mistakes
    assert told.startswith("`extends`: ")
    assert word in told
    assert "'colour'" in own


@pytest.mark.parametrize("value", ["7", "true", '["default"]', "{ name = 'default' }"])
def test_what_is_extended_is_one_word(tmp_path: Path, value: str) -> None:
    mine = write(tmp_path / "mine.toml", f"extends = {value}", "EchoTime")
    with pytest.raises(PolicyError) as caught:
        load_policy(str(mine))
    assert caught.value.mistakes == ("[policy]: `extends` takes one text",)


def test_policies_that_cannot_be_read_are_told(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="default"):
        policy_text("defualt")
    with pytest.raises(UsageError, match="default"):
        policy_text(str(tmp_path))
    path = tmp_path / "mine.toml"
    path.write_text("[policy\n")
    with pytest.raises(PolicyError, match=r"mine\.toml is not TOML"):
        load_policy(str(path))
    path.write_bytes(b'[policy]\nname = "\xff"\n')
    for read in (load_policy, policy_text):
        with pytest.raises(PolicyError, match="UTF-8"):
            read(str(path))


def test_the_digest_tells_policies_of_one_name_apart() -> None:
    default = load_policy("default")
    assert default.digest == load_policy("default").digest
    assert default.digest != load_policy("default", deface_all=True).digest
