"""One build, from the context to what there is to say of it."""

import logging
import os
import re
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import zstandard

from headstart.agent.builds.build_engine import BuildEngine, Order
from headstart.agent.builds.buildkit import BuildKitDecoder
from headstart.agent.builds.classic import ClassicDecoder
from headstart.agent.builds.context_hash import hash_of_packed
from headstart.agent.builds.context_packing import pack
from headstart.agent.builds.context_sources import Context
from headstart.agent.builds.leavings import Leavings
from headstart.agent.builds.ledger import Ledger
from headstart.agent.builds.projects import Projects, read_projects
from headstart.agent.builds.recorder import Recorder
from headstart.agent.builds.usage import BUILDKIT, Usage
from headstart.agent.cancellation import Cancellation, Cancelled
from headstart.agent.engine.event_stream import EventStream, OrderRefused
from headstart.agent.instances import RuntimeFault
from headstart.v1.experiment_pb2 import (
    BUILD_NETWORK_NONE,
    BUILDER_BUILDKIT,
    Build,
    Builder,
    DiagnosticRule,
)
from headstart.v1.records_pb2 import BuildOutcome, BuildStep, Diagnostic, Failure, FailureCode

log = logging.getLogger(__name__)

# Of looks at memory and processes.
_LOOK_SECONDS = 0.2
_TIMEOUT_SECONDS = 30 * 60.0
# Of the whole record, compressed: the stream takes messages of 1 MiB. A thousand
# warnings need a tenth of it.
_RECORD_BYTES = 900 << 10
_LONGEST_MESSAGE = 2000
_NO_SESSION = "no active session"
_SECRET_MOUNT = re.compile(r"--mount=type=(?:secret|ssh)\b|failed to solve: secret ")

Decoder = ClassicDecoder | BuildKitDecoder


@dataclass(frozen=True)
class Request:
    """A build of a variant: the n-th clean or the n-th cached one."""

    variant: str
    build: Build
    clean: bool
    repetition: int
    tag: str
    rules: Sequence[DiagnosticRule]
    # Of a step's container.
    memory_bytes: int
    # None: the folder of this host that the build names.
    context: Context | None = None


class _Stopped(Exception):
    """The build was stopped from here."""

    def __init__(self, code: FailureCode.ValueType, message: str) -> None:
        super().__init__(message)
        self.code = code


def run_build(
    request: Request,
    engine: BuildEngine,
    ledger: Ledger,
    cancelled: Cancellation,
    doing: Callable[[str], None],
) -> BuildOutcome:
    """Build; `doing` is told the step. The images that it makes stand in the ledger.

    A build that fails, is cancelled or takes too long is an outcome with a failure;
    no container of it is left.
    """
    context = request.context or Context(Path(request.build.context))
    projects = Projects()
    with suppress(Cancelled):
        projects = read_projects(context.folder, cancelled)
    recorder = Recorder(request.rules, projects)
    builder = request.build.builder or engine.default_builder
    outcome = BuildOutcome(
        variant=request.variant,
        clean=request.clean,
        repetition=request.repetition,
        builder=builder,
        context_sha256=context.sha256,
        git_url=context.git.url,
        git_commit=context.git.commit,
    )
    usage = Usage()
    leavings = Leavings(engine)
    packed_again = -1
    began = time.monotonic()
    try:
        leavings.begin()
        began = time.monotonic()
        with tempfile.TemporaryFile(prefix="headstart-context-") as packed:
            pack(context, request.build.dockerfile, packed, cancelled, builder)
            # The engine's client closes what it was given.
            packed_again = os.dup(packed.fileno())
            order = _order(request, builder)
            running = _Running(
                recorder, usage, leavings, ledger, began, builder == BUILDER_BUILDKIT
            )
            running.follow(engine.build(order, packed), request.build, cancelled, doing)
        if not recorder.image:
            outcome.failure.CopyFrom(_failure(request.variant, recorder))
    except OrderRefused as refused:
        recorder.error = str(refused)
        outcome.failure.CopyFrom(_failure(request.variant, recorder))
    except Cancelled as fault:
        outcome.failure.code = FailureCode.FAILURE_CODE_CANCELLED
        outcome.failure.message = f"{request.variant}: {fault}"
    except (RuntimeFault, _Stopped) as fault:
        outcome.failure.code = fault.code
        outcome.failure.message = f"{request.variant}: {fault}"
    finally:
        ended = time.monotonic() - began
        usage.close()
        _note_leavings(leavings, recorder, ledger)
        for container in leavings.containers if not recorder.image else ():
            # The engine does so itself, unless it was killed as well.
            engine.remove_container(container)
    if packed_again >= 0:
        with os.fdopen(packed_again, "rb") as built, suppress(Cancelled, OSError):
            if not context.is_brought:
                outcome.context_sha256 = hash_of_packed(built, cancelled)
    outcome.duration_seconds = ended
    outcome.digest = recorder.image
    outcome.memory_peak_bytes = usage.peak_bytes
    outcome.anonymous_peak_bytes = usage.anonymous_peak_bytes
    outcome.cpu_seconds = usage.cpu_seconds()
    outcome.steps.extend(_with_context(recorder.steps(ended), ended))
    outcome.log, outcome.log_cut = recorder.log.packed()
    outcome.log_bytes = recorder.log.bytes
    outcome.log_clipped = recorder.diagnostics.clipped
    outcome.silenced.extend(projects.silenced)
    _add_diagnostics(outcome, recorder.diagnostics.found())
    return outcome


def _note_leavings(leavings: Leavings, recorder: Recorder, ledger: Ledger) -> None:
    try:
        leavings.look(recorder)
    except RuntimeFault as fault:
        log.warning("images of the build of an engine that was lost may be left: %s", fault)
    ledger.note(leavings.images)


def _order(request: Request, builder: Builder.ValueType) -> Order:
    build = request.build
    return Order(
        dockerfile=build.dockerfile,
        tag=request.tag,
        no_cache=request.clean,
        target=build.target,
        arguments=build.arguments,
        network="none" if build.network == BUILD_NETWORK_NONE else "default",
        memory_bytes=request.memory_bytes,
        builder=builder,
    )


class _Running:
    """Follows the events of a build to its end, and looks at its memory meanwhile."""

    def __init__(
        self,
        recorder: Recorder,
        usage: Usage,
        leavings: Leavings,
        ledger: Ledger,
        began: float,
        buildkit: bool,
    ) -> None:
        self._recorder = recorder
        self._usage = usage
        self._leavings = leavings
        self._ledger = ledger
        self._began = began
        self._decoder: Decoder = (BuildKitDecoder if buildkit else ClassicDecoder)(recorder)
        if buildkit:
            usage.marks.add(BUILDKIT)

    def follow(
        self,
        stream: EventStream,
        build: Build,
        cancelled: Cancellation,
        doing: Callable[[str], None],
    ) -> None:
        """Returns at the build's own end; raises for any other."""
        timeout = build.timeout_seconds or _TIMEOUT_SECONDS
        next_look = time.monotonic()
        at = 0.0
        try:
            while True:
                arrived = stream.next(max(0.0, next_look - time.monotonic()))
                if arrived is not None:
                    at = arrived[0] - self._began
                    self._decoder.feed(arrived[1], at)
                now = time.monotonic()
                if now < next_look:
                    continue
                next_look = now + _LOOK_SECONDS
                self._look(now - self._began)
                doing(self._recorder.running())
                if cancelled.is_set():
                    raise _Stopped(FailureCode.FAILURE_CODE_CANCELLED, "the build was cancelled")
                if now - self._began > timeout:
                    raise _Stopped(
                        FailureCode.FAILURE_CODE_BUILD,
                        f"the build was stopped after {timeout:g} s (timeout)"
                        f" in step {self._recorder.running() or 'before the first'}",
                    )
        except EOFError:
            pass
        except ValueError as error:
            raise RuntimeFault(
                FailureCode.FAILURE_CODE_ENGINE, f"the engine's words make no sense: {error}"
            ) from error
        finally:
            stream.close()
            self._decoder.close(at)

    def _look(self, at: float) -> None:
        # An engine that was lost is told by the build's own stream.
        with suppress(RuntimeFault):
            self._leavings.look(self._recorder)
        self._ledger.note(self._leavings.images)
        self._usage.marks.update(self._leavings.containers)
        self._recorder.processes(at, self._usage.look())


def _failure(variant: str, recorder: Recorder) -> Failure:
    message = f"{variant} does not build: {recorder.failure()}"[:_LONGEST_MESSAGE]
    if _SECRET_MOUNT.search(message):
        message += (
            " (a build here is given no secrets and no SSH agent: let the step do without, with"
            " required=false, or bring what it would fetch in the context)"
        )
    elif _NO_SESSION in message:
        message += " (BuildKit pulls nothing here: docker pull the base images before)"
    failure = Failure(
        code=FailureCode.FAILURE_CODE_BUILD, message=message, output_tail=recorder.tail()
    )
    if recorder.exit_status is not None:
        failure.exit_status = recorder.exit_status
    return failure


def _with_context(steps: list[BuildStep], ended: float) -> list[BuildStep]:
    """The time before the first step: packing, sending and unpacking the context."""
    first = steps[0].start_seconds if steps else ended
    return [BuildStep(name="context", start_seconds=0.0, duration_seconds=first), *steps]


def _add_diagnostics(outcome: BuildOutcome, found: list[Diagnostic]) -> None:
    """As many as a record can carry; errors stand first."""
    outcome.diagnostics.extend(found)
    while len(zstandard.compress(outcome.SerializeToString())) > _RECORD_BYTES:
        kept = len(outcome.diagnostics) // 2
        del outcome.diagnostics[kept:]
        outcome.diagnostics_dropped = len(found) - kept
        if not kept:
            return
