"""Frames arrive whole, however the pipe cuts them."""

from array import array

import pytest

from headstart.agent.load.frames import READY, WINDOW, FrameReader, Window, frame

WINDOWS = [
    Window(0, 100_000, 3, 1, 2, 999, array("I", [5, 0, 4_294_967_295])),
    Window(100_000, 100_000, 0, 0, 0, 0, array("I")),
]


@pytest.mark.parametrize("size", [1, 3, 8, 1000])
def test_frames_survive_any_pieces(size: int) -> None:
    data = frame(READY) + b"".join(frame(WINDOW, window.pack()) for window in WINDOWS)
    reader = FrameReader()

    frames = [f for at in range(0, len(data), size) for f in reader.feed(data[at : at + size])]

    assert [kind for kind, _ in frames] == [READY, WINDOW, WINDOW]
    assert [Window.unpack(payload) for _, payload in frames[1:]] == WINDOWS
