"""The search for faces in a participant's images, before any of them is changed."""

from __future__ import annotations

from collections.abc import Iterable

from bidsdeid.core.nifti import decode_image
from bidsdeid.core.plan import Action
from bidsdeid.core.policy import Decision
from bidsdeid.errors import FileProblem, ImageError
from bidsdeid.run.atlases import Shelf
from bidsdeid.run.bench import Bench
from bidsdeid.run.faces import FaceFinder, Step, cascade
from bidsdeid.run.session import SessionFaces, SessionImage


def look_for_faces(bench: Bench, shelf: Shelf, actions: Iterable[Action]) -> None:
    """Find the face in every image that is to be defaced, session by session."""
    wanted = [action for action in actions if action.decision is Decision.DEFACE]
    for session in dict.fromkeys(_session(action) for action in wanted):
        images: list[SessionImage] = []
        steps: dict[str, tuple[Step, ...]] = {}
        for action in (a for a in wanted if _session(a) == session):
            try:
                images.append(_session_image(bench, action))
                suffix = images[-1].name.suffix
                atlases = shelf.atlases(session, action.path, suffix)
                steps[suffix] = cascade(
                    atlases, bench.config.engine, bench.config.cost, bench.config.threads
                )
            except FileProblem as problem:
                images = [image for image in images if image.path != action.path]
                bench.faces[action.path] = problem

        def finder_for(suffix: str, steps: dict[str, tuple[Step, ...]] = steps) -> FaceFinder:
            return FaceFinder(steps[suffix], bench.config.face, bench.scratch)

        bench.faces.update(SessionFaces(finder_for, bench.config.mask_source).find(images))


def _session(action: Action) -> str | None:
    return None if action.file.name is None else action.file.name.get("ses")


def _session_image(bench: Bench, action: Action) -> SessionImage:
    """Read an image and keep a small copy of it.

    Raises
    ------
    FileProblem
        If it cannot be read, or no face can be looked for in it.
    """
    image = decode_image(bench.read(action.path))
    if not image.oriented:
        message = (
            "the header does not say where front and top are (sform and qform codes are 0): set "
            "the orientation and run again"
        )
        raise ImageError(message)
    if min(image.data.shape[:3]) == 1:
        message = "the image is one slice, not a volume: a face cannot be found in it"
        raise ImageError(message)
    head = image.head()
    if head.volume.min() == head.volume.max():
        message = "the image is empty: all its voxels have one value or none"
        raise ImageError(message)
    assert action.file.name is not None  # noqa: S101 -- only rules on names deface
    return SessionImage(action.path, action.file.name, action.mask, head)
