"""The search for faces and brains in a participant's images, before any of them is changed."""

from __future__ import annotations

from collections.abc import Iterable

from bidsdeid.core.brain import BrainEstimate
from bidsdeid.core.estimate import Head
from bidsdeid.core.nifti import Image, decode_image
from bidsdeid.core.plan import Action
from bidsdeid.core.policy import Decision
from bidsdeid.core.ratings import was_rejected
from bidsdeid.errors import FaceError, FileProblem, ImageError
from bidsdeid.run.atlases import Shelf
from bidsdeid.run.bench import Bench
from bidsdeid.run.brain_cascade import brain_cascade, network_steps
from bidsdeid.run.brains import BrainFinder
from bidsdeid.run.face_cascade import Step, cascade
from bidsdeid.run.faces import FaceFinder
from bidsdeid.run.session import SessionImage
from bidsdeid.run.session_brains import SessionBrains
from bidsdeid.run.session_faces import SessionFaces

#: What is done to images that are searched.
SEARCHED = frozenset({Decision.DEFACE, Decision.SKULLSTRIP})


def search_images(bench: Bench, shelf: Shelf, actions: Iterable[Action]) -> None:
    """Find the face or the brain in every image that needs it, session by session."""
    wanted = [action for action in actions if action.decision in SEARCHED]
    for session in dict.fromkeys(_session(action) for action in wanted):
        _SessionSearch(bench, shelf, session).search(a for a in wanted if _session(a) == session)


class _SessionSearch:
    """The search through one session."""

    def __init__(self, bench: Bench, shelf: Shelf, session: str | None) -> None:
        self._bench, self._shelf, self._session = bench, shelf, session
        self._cascades: dict[SessionImage, tuple[Step, ...]] = {}
        self._brains: dict[SessionImage, BrainEstimate | FileProblem] = {}
        # A template's brain is where the atlas's is: it is no limit of its own.
        config = bench.config
        self._limited = config.keeps_own_brain and bool(network_steps(config.brain))

    def search(self, actions: Iterable[Action]) -> None:
        bench, shown, to_deface, to_strip = self._bench, [], [], []
        for action in actions:
            try:
                image = _session_image(bench, action)
                if action.decision is Decision.DEFACE:
                    shown.append(image)
                    self._cascades[image] = self._cascade(image)
                    to_deface.append(image)
                else:
                    to_strip.append(image)
            except FileProblem as problem:
                bench.found[action.path] = problem
        bench.found.update(SessionBrains(self._brain).find(to_strip))
        faces = SessionFaces(self._face_finder, bench.config.mask_source, self._limit)
        bench.found.update(faces.find(to_deface))
        for image in (*shown, *to_strip):
            self._refuse_rejected(image)
        if bench.config.on_failure == "skullstrip":
            failed = [i for i in shown if isinstance(bench.found[i.path], FileProblem)]
            self._strip_instead(failed)

    def _refuse_rejected(self, image: SessionImage) -> None:
        """Whatever way it came, what a reviewer rejected is not found again."""
        found = self._bench.found[image.path]
        if isinstance(found, FileProblem) or not image.rejected:
            return
        if was_rejected(found.attempts[-1].method, image.rejected):
            message = "a reviewer rated it down, and no other way finds anything else"
            self._bench.found[image.path] = FaceError(message, found.attempts)

    def _strip_instead(self, images: list[SessionImage]) -> None:
        """Keep the brain only, of images whose faces were not found."""
        for path, brain in SessionBrains(self._brain).find(images).items():
            if isinstance(brain, BrainEstimate):
                self._bench.found[path] = brain
                continue
            problem = self._bench.found[path]
            assert isinstance(problem, FileProblem)  # noqa: S101 -- else it would not be here
            attempts = (*problem.attempts, *brain.attempts)
            self._bench.found[path] = FaceError(f"{problem}; {brain}", attempts)

    def _cascade(self, image: SessionImage) -> tuple[Step, ...]:
        config = self._bench.config
        atlases = self._shelf.atlases(self._session, image.path, image.name.suffix)
        return cascade(atlases, config.engine, config.cost, config.threads)

    def _face_finder(self, image: SessionImage) -> FaceFinder:
        config = self._bench.config
        return FaceFinder(self._cascades[image], config.face, self._bench.scratch, image.rejected)

    def _limit(self, image: SessionImage) -> BrainEstimate | None:
        """Return the image's own brain, to keep a face mask off it, if a network can find it."""
        if not self._limited:
            return None
        found = self._brain(image)
        return found if isinstance(found, BrainEstimate) else None

    def _brain(self, image: SessionImage) -> BrainEstimate | FileProblem:
        """Find the brain in an image, once."""
        if image not in self._brains:
            try:
                self._brains[image] = self._brain_found(image)
            except FileProblem as problem:
                self._brains[image] = problem
        return self._brains[image]

    def _brain_found(self, image: SessionImage) -> BrainEstimate:
        config, shelf = self._bench.config, self._shelf
        stored = decode_image(self._bench.read(image.path))
        steps = brain_cascade(
            config.brain,
            lambda: shelf.atlases(self._session, image.path, image.name.suffix),
            config.threads,
        )
        steps = tuple(step for step in steps if not was_rejected(step.words, image.rejected))
        finder = BrainFinder(steps, self._bench.scratch)
        months = shelf.months(self._session, image.path)
        return finder.find(stored.still(), stored.affine, image.head, months)


def _session(action: Action) -> str | None:
    return None if action.file.name is None else action.file.name.get("ses")


def _session_image(bench: Bench, action: Action) -> SessionImage:
    """Read an image and keep a small copy of it.

    Raises
    ------
    FileProblem
        If it cannot be read, or no head can be looked for in it.
    """
    head = searchable(decode_image(bench.read(action.path)))
    assert action.file.name is not None  # noqa: S101 -- only rules on names deface
    rejected = tuple(bench.study.rejected.get(str(action.path), ()))
    return SessionImage(action.path, action.file.name, action.mask, head, rejected)


def searchable(image: Image) -> Head:
    """Return a small copy of an image in which a head can be looked for.

    Raises
    ------
    ImageError
        If none can be.
    """
    if not image.oriented:
        message = (
            "the header does not say where front and top are (sform and qform codes are 0): set "
            "the orientation and run again"
        )
        raise ImageError(message)
    if min(image.data.shape[:3]) == 1:
        message = "the image is one slice, not a volume: a head cannot be found in it"
        raise ImageError(message)
    head = image.head()
    if head.volume.min() == head.volume.max():
        message = "the image is empty: all its voxels have one value or none"
        raise ImageError(message)
    return head
