from __future__ import annotations

from pathlib import Path

import pytest

from bidsdeid import __version__
from bidsdeid.config import BrainOptions, Config
from bidsdeid.io.weights import PUBLISHED, WITH_CSF
from bidsdeid.run.instruments import instruments
from brain_heads import digest_of, write_weights

CONFIG = Config(Path("in"), Path("out"), Path("private"), Path("work"))


def test_only_what_was_used_is_told() -> None:
    (own,) = instruments(CONFIG, [])
    assert (own.name, own.version) == ("bidsdeid", __version__)
    names = {x.name for x in instruments(CONFIG, ["niimath on pydeface mean_reg2mean"])}
    assert names == {
        "bidsdeid", "niimath", "pydeface mean_reg2mean.nii.gz", "pydeface facemask.nii.gz",
        "pydeface_brain.nii.gz",
    }  # fmt: skip
    for each in instruments(CONFIG, ["atlas on pydeface mean_reg2mean"]):
        assert each.version
        assert len(each.sha256) == (0 if each.name == "bidsdeid" else 64)
        assert "/" not in each.name


def test_weights_of_the_users_own_are_called_so(tmp_path: Path) -> None:
    path = write_weights(tmp_path / "own.pt")
    config = Config(
        Path("in"), Path("out"), Path("p"), Path("w"), brain=BrainOptions(weights=path)
    )
    _, weights = instruments(config, ["SynthStrip"])
    assert (weights.sha256, weights.origin) == (digest_of(path), "the user's own")
    assert weights.sha256 != PUBLISHED[WITH_CSF]


def test_without_weights_of_ours_nothing_is_told_of_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BIDSDEID_SYNTHSTRIP", str(tmp_path / "none"))
    assert len(instruments(CONFIG, ["synthstrip by FreeSurfer"])) == 1
