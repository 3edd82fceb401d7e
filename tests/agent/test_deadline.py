"""A deadline is that of a whole exchange, however many steps it takes."""

import socket

import pytest

from headstart.agent.deadline import Deadline


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_what_is_left_shrinks_to_nothing_and_no_further() -> None:
    clock = Clock()
    deadline = Deadline(5, clock)
    clock.now += 3

    assert (deadline.left(), deadline.passed()) == (2, False)

    clock.now += 3

    assert (deadline.left(), deadline.passed()) == (0, True)


def test_a_step_ends_no_later_than_the_whole() -> None:
    clock = Clock()
    deadline = Deadline(5, clock)
    clock.now += 3

    assert deadline.within(1).left() == 1
    assert deadline.within(60).left() == 2


def test_a_socket_is_given_what_is_left() -> None:
    clock = Clock()
    deadline = Deadline(5, clock)
    clock.now += 3
    with socket.socket() as sock:
        deadline.limit(sock)

        assert sock.gettimeout() == 2

        clock.now += 2
        with pytest.raises(TimeoutError, match="not over within 5 s"):
            deadline.limit(sock)
