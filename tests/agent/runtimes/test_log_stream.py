"""What an engine sends of a container's output is cut into its frames, however it comes."""

import socket
import threading

from headstart.agent.runtimes.line_watch import LineWatch
from headstart.agent.runtimes.log_stream import Frames, LogStream


def frame(stream: int, content: bytes) -> bytes:
    return bytes([stream, 0, 0, 0]) + len(content).to_bytes(4, "big") + content


def test_frames_are_the_same_in_whatever_pieces_they_come() -> None:
    data = frame(1, b"one\n") + frame(2, b"") + frame(2, b"two") + frame(1, b"three")
    for size in range(1, len(data) + 1):
        frames, found = Frames(), {1: b"", 2: b""}
        for at in range(0, len(data), size):
            for stream, part in frames.feed(data[at : at + size]):
                found[stream] += part
        assert found == {1: b"one\nthree", 2: b"two"}


def test_a_frame_of_any_size_is_passed_on_and_not_kept() -> None:
    frames = Frames()
    head = bytes([1, 0, 0, 0, 255, 255, 255, 255])
    parts = [part for _ in range(3) for _, part in frames.feed(head if _ == 0 else b"x" * 1000)]

    assert parts == [b"x" * 1000] * 2


def test_it_reads_until_the_line_is_there_and_lets_go() -> None:
    ours, theirs = socket.socketpair()
    watch = LineWatch(["ready"], lambda: None)
    with theirs:
        stream = LogStream(ours, watch)
        theirs.sendall(frame(2, b"worker re") + frame(1, b"other\n") + frame(2, b"ady\n"))
        assert watch.over.wait(30)
        # The engine is not kept waiting by who has seen enough.
        assert theirs.recv(1) == b""
        stream.close()

    assert watch.is_ready
    assert watch.lines == 2


def test_the_end_of_the_output_ends_it() -> None:
    ours, theirs = socket.socketpair()
    watch = LineWatch(["ready"], lambda: None)
    stream = LogStream(ours, watch)
    theirs.sendall(frame(1, b"nothing\n"))
    theirs.close()
    stream.wait(30)
    stream.close()
    stream.close()

    assert not watch.is_ready
    assert watch.lines == 1
    assert "log" not in {thread.name for thread in threading.enumerate()}
