"""What a build of the classic builder makes in the engine, by the engine's own data.

The builder names containers and images in the text into which its steps write too: a step
that printed the id of a container had it removed. A name in that text is only a question;
what did not exist before the build began, and exists now, was made meanwhile, and nobody
inside the build can know the id of anything else of that age.
"""

from collections.abc import Iterable
from typing import Protocol

from headstart.agent.builds.recorder import Recorder


class Inspector(Protocol):
    """The part of `BuildEngine` that is needed here."""

    def everything(self) -> frozenset[str]:
        """The ids of all images and containers."""

    def step_container(self, container: str) -> str:
        """The full id; empty when there is none."""

    def step_image(self, image: str) -> str:
        """The full id; empty when there is none."""


class Leavings:
    """`begin` before the build does, then `look` at what its text names.

    Both raise RuntimeFault when the engine does not answer; look again then.
    """

    def __init__(self, engine: Inspector) -> None:
        self._engine = engine
        # None: nothing was begun, so that nothing can be left.
        self._before: frozenset[str] | None = None
        self._asked = 0, 0
        # Full ids, the oldest first.
        self.containers: list[str] = []
        self.images: list[str] = []

    def begin(self) -> None:
        """Remember what is there."""
        self._before = self._engine.everything()

    def look(self, recorder: Recorder) -> None:
        """Ask the engine about what was named since the last look."""
        containers, images = (
            recorder.containers[self._asked[0] :],
            recorder.images[self._asked[1] :],
        )
        self._add([self._engine.step_container(each) for each in containers], self.containers)
        self._add([self._engine.step_image(each) for each in images], self.images)
        self._asked = self._asked[0] + len(containers), self._asked[1] + len(images)
        if recorder.image:
            self._add([recorder.image], self.images)

    def _add(self, ids: Iterable[str], to: list[str]) -> None:
        if self._before is not None:
            to += [id_ for id_ in dict.fromkeys(ids) if id_ and id_ not in {*self._before, *to}]
