"""The private page of a participant, and the pictures of what is released of him or her."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress

from bidsdeid.core.ledger import Status
from bidsdeid.core.naming import sidecar_of
from bidsdeid.core.nifti import decode_image
from bidsdeid.core.plan import Action, Kind
from bidsdeid.core.triage import Context, triage
from bidsdeid.errors import FileProblem
from bidsdeid.io.private import PrivateFolder
from bidsdeid.report.page import participant_files
from bidsdeid.report.pictures import pictures_of
from bidsdeid.report.record import ImageRecord, ParticipantRecord
from bidsdeid.run.bench import Bench
from bidsdeid.run.exhibits import Exhibit
from bidsdeid.run.review import PUBLIC, RELEASED, picture_place
from bidsdeid.run.search import SEARCHED


def write_participant(
    private: PrivateFolder,
    bench: Bench,
    actions: Sequence[Action],
    together: Mapping[str, float | None],
) -> None:
    """Write the page of a participant, and the pictures of what is released.

    Parameters
    ----------
    private : PrivateFolder
        Where they go.
    bench : Bench
        With all outcomes.
    actions : sequence of Action
        Of the participant.
    together : mapping
        What all images show of a face: `bidsdeid.core.together`.
    """
    record = record_of(bench, actions, together)
    for path, content in participant_files(record) if record.images else ():
        private.write_report(path, content)
    for source, exhibit in bench.exhibits.items():
        for release in bench.outcomes[source].releases[:1]:
            for word, name in PUBLIC.items():
                if name in exhibit.pictures:
                    place = f"{RELEASED}/{picture_place(release.path, word)}"
                    private.write_report(place, exhibit.pictures[name])


def record_of(
    bench: Bench, actions: Sequence[Action], together: Mapping[str, float | None]
) -> ParticipantRecord:
    """Return what is shown of a participant."""
    images = [a for a in actions if a.kind is Kind.IMAGE and _is_shown(bench, a)]
    sidecars = {sidecar_of(action.path) for action in images}
    others = [o for path, o in bench.outcomes.items() if path not in sidecars]
    return ParticipantRecord(
        bench.study.labels.participant(bench.participant),
        tuple(_image(bench, action) for action in images),
        tuple(change for outcome in others for change in outcome.changes),
        together,
        tuple(_log(bench)),
    )


def _is_shown(bench: Bench, action: Action) -> bool:
    """Tell whether an image is looked at: faces were sought in it, or something went wrong."""
    return action.path in bench.exhibits or bench.outcomes[action.path].status is Status.FAILURE


def _image(bench: Bench, action: Action) -> ImageRecord:
    outcome = bench.outcomes[action.path]
    sidecar = bench.outcomes.get(sidecar_of(action.path))
    released = outcome.releases[0].path if outcome.releases else str(bench.target(action.path))
    exhibit = bench.exhibits.get(action.path) or _withheld(bench, action)
    return ImageRecord(
        released,
        str(outcome.status),
        outcome.reason,
        outcome.decision,
        outcome.finding,
        outcome.engine,
        exhibit.numbers,
        exhibit.triage,
        exhibit.doubts,
        outcome.attempts,
        (*exhibit.header, *outcome.changes, *(sidecar.changes if sidecar else ())),
        exhibit.seen,
        exhibit.pictures,
        exhibit.volume,
    )


def _withheld(bench: Bench, action: Action) -> Exhibit:
    """Return what there is to see of an image in which nothing was found: how it was before."""
    outcome = bench.outcomes[action.path]
    context = Context(outcome.decision, str(outcome.status), outcome.finding)
    word, doubts = triage({}, context)
    pictures: dict[str, bytes] = {}
    if action.decision in SEARCHED:
        with suppress(FileProblem):  # it may be withheld because it cannot be read
            image = decode_image(bench.read(action.path))
            pictures = pictures_of(image.still(), None, image.affine)
    return Exhibit({}, word, doubts, pictures=pictures)


def _log(bench: Bench) -> Iterator[str]:
    """Yield a line for each file that is not released, under new labels."""
    for path, outcome in sorted(bench.outcomes.items()):
        if outcome.status is not Status.RELEASED:
            yield f"{bench.target(path)}: {outcome.status}: {outcome.reason}"
