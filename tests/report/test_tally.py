from __future__ import annotations

import sys
from dataclasses import replace

import pytest

import release_facts as made_up
from bidsdeid.core.ledger import Status
from bidsdeid.core.ratings import Rating, Verdict
from bidsdeid.core.triage import Triage
from bidsdeid.report.tally import MAX_NAMED, MAX_WAYS, OTHER_REASON, OTHER_WAY, Opinion, Tally
from bidsdeid.resources import load_policy

PATH = made_up.defaced(1).releases[0].path


def tally() -> Tally:
    return Tally(load_policy("default"))


@pytest.mark.parametrize(
    ("verdicts", "last", "unseen"),
    [
        ((), None, 1),
        ((Verdict.LATER,), Opinion.LATER, 1),
        ((Verdict.PASS, Verdict.LATER), Opinion.PASSED, 0),
        ((Verdict.PASS, Verdict.OVER), Opinion.DOWN, 0),
        ((Verdict.UNDER, Verdict.LATER), Opinion.DOWN, 0),
    ],
)
def test_who_rates_down_outweighs_and_who_puts_off_did_not_look(
    verdicts: tuple[Verdict, ...], last: Opinion | None, unseen: int
) -> None:
    counts = tally()
    ratings = [Rating(PATH, verdict, (), f"r{n}") for n, verdict in enumerate(verdicts)]
    counts.add(made_up.defaced(1), None, ratings)
    assert dict(counts.opinions) == ({last: 1} if last else {})
    assert counts.unseen == counts.unseen_heads == unseen
    assert [image.path for image in counts.named] == [PATH] * unseen


def test_images_with_a_head_are_named_first_and_the_list_is_cut() -> None:
    counts = tally()
    for number in reversed(range(MAX_NAMED)):
        counts.add(made_up.bold(number))
        counts.add(made_up.defaced(number))
    paths = [image.path for image in counts.named]
    assert len(paths) == MAX_NAMED
    assert paths == sorted(paths)
    assert all("/anat/" in path for path in paths)
    assert (counts.unseen, counts.unseen_heads) == (2 * MAX_NAMED, MAX_NAMED)


def test_memory_stays_flat() -> None:
    def size(counts: Tally) -> int:
        fields = (getattr(counts, name) for name in Tally.__slots__)
        return sum(len(value) for value in fields if hasattr(value, "__len__"))

    counts = tally()
    sizes = []
    for number in range(3 * MAX_NAMED):
        engine = f"way {number}"
        counts.add(made_up.defaced(number, engine=engine), Triage.PASS)
        counts.add(replace(made_up.failed(number), reason=f"reason {number}"))
        counts.add(replace(made_up.document(), reason=f"reason {number}"))
        sizes.append(size(counts))
    assert sizes[-1] == sizes[MAX_NAMED]
    assert len(counts.ways) == MAX_WAYS + 1
    assert counts.ways[OTHER_WAY] == 3 * MAX_NAMED - MAX_WAYS
    assert sys.getsizeof(counts) < 2000


def test_a_reason_that_no_rule_gives_is_not_told() -> None:
    counts = tally()
    counts.add(made_up.document())
    counts.add(made_up.photo())
    assert dict(counts.reasons) == {OTHER_REASON: 1, made_up.PHOTO_REASON: 1}


def test_triage_is_of_released_images_only() -> None:
    counts = tally()
    counts.add(made_up.failed(1), Triage.FAIL)
    assert not counts.triage
    counts.add(made_up.bold(1), Triage.LOOK)
    assert dict(counts.triage) == {Triage.LOOK: 1}


def test_an_image_that_is_withheld_by_failure_was_to_be_defaced() -> None:
    counts = tally()
    counts.add(made_up.failed(1))
    counts.add(replace(made_up.failed(2), decision="scrub"))
    counts.add(made_up.photo())
    assert dict(counts.withheld_images) == {Status.FAILURE: 1}
