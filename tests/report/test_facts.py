from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path

import pytest

import release_facts as made_up
from bidsdeid.config import Config, IdentityOptions
from bidsdeid.core.facestyle import FaceStyle, MaskStyle, Strength
from bidsdeid.core.labels import Relabel
from bidsdeid.report.facts import Choices

PLAIN = Config(Path("/study/in"), Path("/study/out"), Path("/study/private"), Path("/study/work"))


@pytest.mark.parametrize(
    ("config", "choice", "value"),
    [
        (replace(PLAIN, identity=IdentityOptions(shift_dates=False)), "dates", "remove"),
        (replace(PLAIN, identity=IdentityOptions(relabel=Relabel.KEYED)), "relabel", "keyed"),
        (replace(PLAIN, identity=IdentityOptions(k=4)), "k", 4),
        (replace(PLAIN, identity=IdentityOptions(scrub_text=True)), "scrub_text", True),
        (replace(PLAIN, face=FaceStyle(ears=True)), "ears", True),
        (replace(PLAIN, face=FaceStyle(strength=Strength.STRONG)), "ears", True),
        (replace(PLAIN, face=FaceStyle(mask=MaskStyle.PYDEFACE)), "face_as_given", True),
        (replace(PLAIN, deface_all=True), "deface_all", True),
        (replace(PLAIN, fill="noise"), "fill", "noise"),
        (replace(PLAIN, anat="skullstrip"), "anat", "skullstrip"),
    ],
)
def test_a_choice_is_that_of_the_run(config: Config, choice: str, value: object) -> None:
    assert getattr(Choices.of(config), choice) == value
    assert getattr(Choices.of(PLAIN), choice) != value


def test_no_path_is_among_the_choices() -> None:
    choices = Choices.of(replace(PLAIN, policy="/study/rules.toml"), own_policy=True)
    assert choices.own_policy
    assert not [each for each in fields(Choices) if "study" in str(getattr(choices, each.name))]


def test_dates_are_moved_only_if_a_column_of_dates_is_kept() -> None:
    assert made_up.facts().dates_moved
    assert not made_up.facts(choices={"dates": "remove"}).dates_moved
    assert not made_up.facts(policy="hipaa-safe-harbor").dates_moved
