"""The probe: finds the moment of an app's first correct response.

It runs in the prober's process, on a core of its own, and spins: sleeping and
being woken would cost more than what is measured. How late its stamps can be it
says itself, in `error_ns`: others may take its core away, and between two looks
it is blind.
"""

import contextlib
import errno
import os
import socket
import ssl
import struct
import time
from collections.abc import Callable

from headstart.agent.http.app_tls import TlsSocket
from headstart.agent.http.checks import evaluate, prepare
from headstart.agent.http.response import Answer, NotHttp
from headstart.agent.probe.goals import Asked, Goal, Sock, kept
from headstart.agent.probe.readings import ServerReader, own_run_delay_ns
from headstart.agent.probe.task import ProbeResult, ProbeTask

# A connect on loopback is over in 10 us; a lost one must not hold the probe up.
_CONNECT_SECONDS = 0.25
# A connection beside one that may be answered at any moment.
_CONNECT_ONCE_SECONDS = 0.01
# A request without a byte of an answer is asked once more beside it, after this long or a
# tenth of the startup's timeout: whoever expects a slow first answer states a long one, and
# a second request is work that such an app does instead of starting.
_SILENCE_SECONDS = 1.0
# How often it is asked whether to stop; looking costs a microsecond.
_LOOK_NS = 2_000_000
# A request is sent in pieces: an app that takes none of one for `_CONNECT_SECONDS` fails it.
_PIECE_BYTES = 1 << 14
# Spinning ends here; from then on pauses are a ten-thousandth of the time passed.
_SPIN_NS = 2_000_000_000
_PAUSE_SHARE = 1e-4
# On a single core the spinning probe would take it from the app.
_SHARED_CORE_PAUSE_SECONDS = 0.0002
# After a wrong answer: each further question is work that the app does instead
# of starting.
_RETRY_SHARE = 2e-3
_RETRY_SECONDS = (0.0005, 0.02)


class Probe:
    """One start of one app: `accepts` and `rehearse`, `begin`, `run`, and always `close`."""

    def __init__(
        self, task: ProbeTask, stopped: Callable[[], bool], shares_core: bool = False
    ) -> None:
        """`stopped` is asked every few ms. `shares_core`: app and probe have one core."""
        self.result = ProbeResult()
        self._task = task
        self._stopped = stopped
        self._shares_core = shares_core
        self._server = ServerReader(task.pid, task.cgroup)
        self._family = socket.AF_INET6 if ":" in task.address else socket.AF_INET
        self._steps = [Goal.of(check, task) for check in (*task.before, task.ready)]
        self._first_data = Goal.of(task.first_data, task) if task.first_data else None
        self._ports = task.ports
        self._buffer = bytearray(1 << 16)
        self._began_ns = 0
        self._deadline_ns = 0
        self._delay_before_ns = 0
        self._connected_ns = 0
        self._next_look_ns = 0
        self._answered = False
        # How long a request may have no byte of an answer before another is sent, when that
        # was done last, and when the first was sent that has none (0: each has one).
        self._patience_ns = 0
        self._asked_again_ns = 0
        self._silent_since_ns = 0

    def accepts(self) -> int:
        """A port of its at which somebody listens already; 0: none."""
        for port in self._ports:
            with self._socket() as sock:
                if sock.connect_ex((self._task.address, port)) == 0:
                    return port
        return 0

    def rehearse(self) -> None:
        """Run once what must not be run for the first time when it counts."""
        for goal in (*self._steps, *([self._first_data] if self._first_data else [])):
            prepare(goal.check)
            answer = Answer()
            answer.feed(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
            evaluate(goal.check, answer.status, answer.headers, bytes(answer.body))
            if goal.tls is not None:
                one, other = socket.socketpair()
                with one, other:
                    TlsSocket(one, goal.tls, goal.server_name).sendall(b"")
        self._server.begin()
        self._server.since_begin()

    def begin(self) -> int:
        """Take the readings that later ones are held against, and try once to connect.

        The port at which that succeeded: the app does not run yet, so it is somebody else.
        0: at none.
        """
        self._server.begin()
        self._delay_before_ns = own_run_delay_ns()
        self._began_ns = self.result.last_refused_ns = time.monotonic_ns()
        self._deadline_ns = self._began_ns + int(self._task.timeout_seconds * 1e9)
        self.result.connect_attempts = 1
        return self.accepts()

    def run(self) -> ProbeResult:
        """Ask until the answer is correct, the time is up or it is stopped."""
        result = self.result
        sock: Sock | None = None
        at: Goal | None = None
        try:
            for goal in self._steps:
                sock = self._ask_until_correct(kept(sock, at, goal), goal)
                at = goal
                if not goal.answered_ns:
                    break
                if goal is not self._steps[-1]:
                    result.steps_ns.append(goal.answered_ns)
            if result.first_correct_response_ns:
                result.outcome = "ok"
                if (last := self._first_data) is not None:
                    sock = self._ask_until_correct(kept(sock, at, last), last)
                    result.first_data_response_ns = last.answered_ns
            elif time.monotonic_ns() >= self._deadline_ns:
                result.outcome = "timeout"
        finally:
            if sock is not None:
                sock.close()
        return result

    def close(self) -> None:
        """Let go of what it has open."""
        self._server.close()

    def _first_correct(self, stamp_ns: int) -> None:
        result = self.result
        result.first_correct_response_ns = stamp_ns
        result.spent = self._server.since_begin()
        result.prober_run_delay_ns = own_run_delay_ns() - self._delay_before_ns

    def _ask_until_correct(self, sock: Sock | None, goal: Goal) -> Sock | None:
        """The connection, if it can still be used; `answered_ns` says whether it was."""
        check = goal.check
        is_step = goal is not self._first_data
        goal.last_refused_ns = self._began_ns if goal is self._steps[0] else time.monotonic_ns()
        result = self.result
        result.wrong, result.listened, result.incorrect_there = "", sock is not None, 0
        self._answered = False
        self._silent_since_ns = 0
        self._patience_ns = int(max(_SILENCE_SECONDS, self._task.timeout_seconds / 10) * 1e9)
        waiting: list[Asked] = []
        try:
            while True:
                asked_ns = time.monotonic_ns()
                if sock is None:
                    sock = self._connect(goal, once=bool(waiting))
                    if sock is None and not waiting:
                        return None
                    asked_ns = self._connected_ns
                if sock is not None:
                    waiting.append(Asked(sock, Answer(check.request.method == "HEAD"), asked_ns))
                    sock = None
                count = len(waiting)
                asked = self._first_answer(waiting, goal.request)
                if asked is not None and asked.answer.closes:
                    asked.sock.close()
                elif asked is not None:
                    sock = asked.sock
                if asked is not None and self._correct(goal, asked.answer):
                    goal.answered_ns = asked.stamp_ns
                    if is_step:
                        self._take_stock(asked, goal)
                    if goal is self._steps[-1]:
                        self._first_correct(asked.stamp_ns)
                    return sock
                if self._over():
                    if sock is not None:
                        sock.close()
                    return None
                # Else nothing came: it is asked once more beside what waits.
                if len(waiting) < count:
                    self._pause(asked_ns, goal, is_step)
        finally:
            for each in waiting:
                each.sock.close()

    def _connect(self, goal: Goal, once: bool) -> Sock | None:
        """Connect as soon as somebody listens; None when time is up or it is stopped.

        `once`: None too where that does not succeed at once, since an answer may come meanwhile.
        """
        result, monotonic_ns = self.result, time.monotonic_ns
        target = (self._task.address, goal.port)
        sock = self._socket()
        if once:
            _limit_sending(sock, _CONNECT_ONCE_SECONDS)
        attempts = 0
        while True:
            attempt_ns = monotonic_ns()
            error = sock.connect_ex(target)
            attempts += 1
            if error == 0:
                self._connected_ns = monotonic_ns()
                result.listened = True
                if goal.connected_ns == 0:
                    goal.connected_ns = self._connected_ns
                if result.connected_ns == 0:
                    result.connected_ns = self._connected_ns
                    result.connect_attempts += attempts
                if once:
                    _limit_sending(sock, _CONNECT_SECONDS)
                if goal.tls is not None:
                    return TlsSocket(sock, goal.tls, goal.server_name)
                return sock
            if once:
                sock.close()
                return None
            if goal.connected_ns == 0:
                goal.last_refused_ns = attempt_ns
            if result.connected_ns == 0:
                result.last_refused_ns = attempt_ns
            if error != errno.ECONNREFUSED:
                sock.close()
                sock = self._socket()
            if self._over():
                if result.connected_ns == 0:
                    result.connect_attempts += attempts
                self._no_answer(os.strerror(error))
                sock.close()
                return None
            self._breathe(attempt_ns)

    def _first_answer(self, waiting: list[Asked], request: bytes) -> Asked | None:
        """Send the newest of them, if it was not; the first whose answer is whole, taken out.

        None when time is up, when the newest failed (it is taken out, `wrong` says why), or
        when none has had a byte for so long that it is to be asked again beside them.
        """
        newest = waiting[-1]
        while True:
            heard = False
            for asked in waiting[:]:
                try:
                    if not asked.sent_ns:
                        self._send(asked, request)
                    if self._receive(asked):
                        waiting.remove(asked)
                        return asked
                    heard = heard or asked.heard
                except (OSError, EOFError, NotHttp) as error:
                    self._blame(error)
                    asked.sock.close()
                    waiting.remove(asked)
                    if asked is newest or not waiting:
                        return None
            now_ns = time.monotonic_ns()
            # An answer without end never lets the socket be empty.
            if self._over():
                self._no_answer(f"no answer until {(now_ns - self._began_ns) / 1e9:.1f} s")
                return None
            if heard:
                continue
            if self._silent(waiting, now_ns):
                return None
            self._breathe(now_ns)

    def _silent(self, waiting: list[Asked], now_ns: int) -> bool:
        """Whether the app took a request and did not begin to answer any in good time.

        It may have swallowed it: what accepts for an app, or an app that sets up its workers
        after its socket, does. The next time takes twice as long.
        """
        since_ns = max(waiting[-1].sent_ns, self._asked_again_ns)
        if now_ns - since_ns < self._patience_ns or any(each.begun for each in waiting):
            return False
        self._patience_ns *= 2
        self._asked_again_ns = now_ns
        self._silent_since_ns = self._silent_since_ns or waiting[0].sent_ns
        return True

    def _receive(self, asked: Asked) -> bool:
        """Take what is there; True once the answer is whole. `heard`: there was something."""
        view = memoryview(self._buffer)
        asked.heard = False
        try:
            length = asked.sock.recv_into(view, 0, socket.MSG_DONTWAIT)
        except BlockingIOError:
            asked.nothing_ns = time.monotonic_ns()
            return False
        asked.stamp_ns = time.monotonic_ns()
        if not length:
            if asked.answer.end():
                return True
            raise EOFError(bool(asked.answer.status))
        asked.heard = asked.begun = True
        if self.result.first_byte_ns == 0:
            self.result.first_byte_ns = asked.stamp_ns
        return asked.answer.feed(view[:length])

    def _blame(self, error: Exception) -> None:
        match error:
            case NotHttp():
                self._wrong_answer(f"not HTTP/1: {error}")
            case ssl.SSLError():
                # Said by the app: it explains more than that time was up in the next attempt.
                self._wrong_answer(f"TLS: {error.strerror}")
            case EOFError() if error.args[0]:
                self._wrong_answer("an answer that was cut off")
            case EOFError():
                self._no_answer("the connection was closed without an answer")
            case OSError():
                self._no_answer(error.strerror or type(error).__name__)

    def _send(self, asked: Asked, request: bytes) -> None:
        for at in range(0, len(request), _PIECE_BYTES):
            if at and self._over():
                raise TimeoutError(errno.ETIMEDOUT, "no time to send the request")
            asked.sock.sendall(request[at : at + _PIECE_BYTES])
        asked.sent_ns = asked.nothing_ns = time.monotonic_ns()

    def _correct(self, goal: Goal, answer: Answer) -> bool:
        evaluation = evaluate(goal.check, answer.status, answer.headers, bytes(answer.body))
        if not evaluation.passed:
            self._wrong_answer(evaluation.actual)
        if goal.port == self._task.port:
            self.result.has_reason_phrase = answer.has_reason_phrase
        return evaluation.passed

    def _take_stock(self, asked: Asked, goal: Goal) -> None:
        """From listening to the stamp, what was not the app's: blind, or late to ask.

        A step that is seen late lets the next one be asked late: they add up.
        """
        result = self.result
        result.error_ns += asked.sent_ns - asked.asked_ns + asked.stamp_ns - asked.nothing_ns
        # After a wrong answer, or on the connection of the step before, the app was found
        # listening long ago.
        if goal.connected_ns and not self._answered:
            result.error_ns += goal.connected_ns - goal.last_refused_ns
        if self._silent_since_ns:
            unanswered_ns = asked.sent_ns - self._silent_since_ns
            result.unanswered_ns += max(unanswered_ns, 0)
            result.asked_meanwhile = result.asked_meanwhile or unanswered_ns <= 0

    def _wrong_answer(self, problem: str) -> None:
        self.result.wrong = problem
        self._answered = True
        self._silent_since_ns = 0
        self.result.incorrect_there += 1
        if not self.result.first_correct_response_ns:
            self.result.incorrect_responses += 1

    def _no_answer(self, problem: str) -> None:
        """What the app said, if it did, explains more than what a socket says."""
        if not self._answered:
            self.result.wrong = problem

    def _over(self) -> bool:
        """Time is up, or (looked at now and then) it is to stop."""
        now_ns = time.monotonic_ns()
        if now_ns >= self._next_look_ns:
            self._next_look_ns = now_ns + _LOOK_NS
            if self._stopped():
                self._deadline_ns = 0
        return now_ns >= self._deadline_ns

    def _breathe(self, now_ns: int) -> None:
        """Spin at first; later and on a single core leave the CPU to others in between."""
        passed_ns = now_ns - self._began_ns
        if passed_ns > _SPIN_NS:
            time.sleep(passed_ns / 1e9 * _PAUSE_SHARE)
        elif self._shares_core:
            time.sleep(_SHARED_CORE_PAUSE_SECONDS)

    def _pause(self, asked_ns: int, goal: Goal, is_step: bool) -> None:
        """After a wrong answer; the pause is the resolution of what comes of it."""
        shortest, longest = _RETRY_SECONDS
        time.sleep(min(max((asked_ns - self._began_ns) / 1e9 * _RETRY_SHARE, shortest), longest))
        if is_step:
            pause_ns = time.monotonic_ns() - asked_ns
            self.result.retry_pause_ns += pause_ns - goal.pause_ns
            goal.pause_ns = pause_ns

    def _socket(self) -> socket.socket:
        """A socket bound to a port of its own.

        Without that, the kernel walks through its ephemeral ports, an entry of
        connection tracking each, and where the app's port is among them soon
        connects the socket to itself.
        """
        while True:
            sock = socket.socket(self._family, socket.SOCK_STREAM)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            _limit_sending(sock, _CONNECT_SECONDS)
            with contextlib.suppress(OSError):
                sock.bind(("", 0))
            if sock.getsockname()[1] not in self._ports:
                return sock
            sock.close()


def _limit_sending(sock: socket.socket, seconds: float) -> None:
    """How long connecting, and sending to who takes nothing, may last."""
    timeout = struct.pack("@ll", 0, int(seconds * 1e6))
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, timeout)
