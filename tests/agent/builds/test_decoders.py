"""The streams of both builders, as an engine sent them, become the same kind of steps."""

import base64
from typing import Any

import pytest

from headstart.agent.builds.buildkit import BuildKitDecoder, wire_fields
from headstart.agent.builds.classic import ClassicDecoder
from headstart.agent.builds.recorder import Recorder

CLASSIC = [
    "Step 1/4 : FROM base AS build",
    "\n",
    " ---> d2c318528a64\n",
    "Step 2/4 : WORKDIR /src",
    "\n",
    " ---> Using cache\n",
    " ---> 0d56ba96028c\n",
    "Step 3/4 : RUN make",
    "\n",
    " ---> Running in 54e6033e145b\n",
    "Step 9/9 : printed by a build within the build\n",
    "half a ",
    "line\n\x1b[91mrm: can't\n\x1b[0m",
    "Removing intermediate container 54e6033e145b\n",
    " ---> e591933404da\n",
    "Step 4/4 : FROM scratch",
    "\n",
    " ---> \n",
]


def classic(events: list[dict[str, Any]]) -> Recorder:
    recorder = Recorder()
    decoder = ClassicDecoder(recorder)
    for at, event in enumerate(events):
        decoder.feed(event, float(at))
    decoder.close(float(len(events)))
    return recorder


def test_the_classic_builders_text_becomes_steps() -> None:
    events: list[dict[str, Any]] = [{"stream": text} for text in CLASSIC]
    recorder = classic([*events, {"aux": {"ID": "sha256:ab"}}])
    steps = recorder.steps(99.0)

    assert [(s.name, s.start_seconds, s.duration_seconds, s.cached) for s in steps] == [
        ("FROM base AS build", 0.0, 3.0, False),
        ("WORKDIR /src", 3.0, 4.0, True),
        ("RUN make", 7.0, 8.0, False),
        ("FROM scratch", 15.0, 4.0, False),
    ]
    assert recorder.image == "sha256:ab"
    assert recorder.containers == ["54e6033e145b"]
    assert recorder.images == ["e591933404da"]
    assert "\nhalf a line\nrm: can't\n" in recorder.tail()


@pytest.mark.parametrize(
    "line",
    [
        " ---> Running in 779b5bfc3b30\n",
        " ---> Using cache\n",
        " ---> 779b5bfc3b30\n",
        "Successfully built 779b5bfc3b30\n",
        '{"aux":{"ID":"sha256:77"}}\n',
    ],
)
def test_what_a_step_writes_in_the_builders_words_is_its_output(line: str) -> None:
    """The builder's own last word on a step, its image, comes after all that it wrote."""
    texts = [*CLASSIC[:10], line, *CLASSIC[10:]]
    recorder = classic([{"stream": text} for text in texts])

    assert recorder.containers == ["54e6033e145b"]
    assert recorder.images == ["e591933404da"]
    assert recorder.image == ""
    assert [s.cached for s in recorder.steps(99.0)] == [False, True, False, False]


def test_a_warning_of_the_platform_does_not_hide_a_steps_container() -> None:
    warning = " ---> [Warning] The requested image's platform (linux/arm64) does not match\n"
    recorder = classic([{"stream": text} for text in [*CLASSIC[:9], warning, *CLASSIC[9:]]])

    assert recorder.containers == ["54e6033e145b"]


@pytest.mark.parametrize("title", ["Step 4/4 : FROM scratch", "Step 4/4 : RUN anything"])
def test_steps_that_a_step_announces_itself_are_not_told_apart(title: str) -> None:
    """It is found out when the builder comes to that step."""
    texts = [*CLASSIC[:11], title, *CLASSIC[11:]]
    recorder = classic([*({"stream": text} for text in texts), {"aux": {"ID": "sha256:ab"}}])
    (step,) = recorder.steps(99.0)

    assert step.name.startswith("all steps (the output of one imitates the builder's")
    assert (step.start_seconds, step.duration_seconds) == (0.0, 99.0)


@pytest.mark.parametrize(
    "title",
    ["Step 5/5 : x", "Step 4/9 : x", "Step 9/4 : x", "Step 4/4 : x\n", "Step 9999999999/4 : x"],
)
def test_a_title_that_cannot_be_the_next_one_is_output(title: str) -> None:
    texts = [*CLASSIC[:11], title, "\n", *CLASSIC[11:]]
    recorder = classic([{"stream": text} for text in texts])

    assert [s.name for s in recorder.steps(99.0)][2:] == ["RUN make", "FROM scratch"]


def test_a_command_that_failed_is_told_with_its_step_and_its_last_error() -> None:
    output = "/src/x.csproj : error NU1100: Unable to resolve 'A'.\n  Failed to restore.\n"
    recorder = classic(
        [
            {"stream": "Step 1/1 : RUN dotnet restore"},
            {"stream": "\n"},
            {"stream": output},
            {"errorDetail": {"code": 1, "message": "returned a non-zero code: 1"}, "error": "x"},
        ]
    )

    assert (
        recorder.failure()
        == "step RUN dotnet restore failed with status 1: NU1100: Unable to resolve 'A'."
    )
    assert recorder.exit_status == 1
    assert recorder.image == ""


def test_a_step_that_is_no_command_fails_in_the_engines_words() -> None:
    message = "COPY failed: file not found in build context: stat nofile: file does not exist"
    recorder = classic(
        [
            {"stream": "Step 1/2 : COPY nofile /x"},
            {"stream": "\n"},
            {"errorDetail": {"message": message}, "error": message},
        ]
    )

    assert recorder.failure() == f"step COPY nofile /x failed: {message}"


def test_a_pull_is_in_the_log_without_its_progress() -> None:
    recorder = classic(
        [
            {"status": "Pulling from library/debian", "id": "12"},
            {"status": "Downloading", "progressDetail": {"current": 1}, "id": "abc"},
            {"status": "Pull complete", "progressDetail": {}, "id": "abc"},
        ]
    )

    assert recorder.tail() == "12: Pulling from library/debian\nabc: Pull complete"


def varint(value: int) -> bytes:
    out = b""
    while value > 127:
        out, value = out + bytes([value & 127 | 128]), value >> 7
    return out + bytes([value])


def message(**fields: int | bytes | str) -> bytes:
    """A protobuf message; keys are `f` and the field's number."""
    out = b""
    for key, value in fields.items():
        number = int(key[1:])
        if isinstance(value, int):
            out += varint(number << 3) + varint(value)
        else:
            data = value.encode() if isinstance(value, str) else value
            out += varint(number << 3 | 2) + varint(len(data)) + data
    return out


STAMP = message(f1=1_700_000_000, f2=5)


def trace(*parts: bytes) -> dict[str, str]:
    return {"id": "moby.buildkit.trace", "aux": base64.b64encode(b"".join(parts)).decode()}


def vertex(digest: str, name: str, **fields: int | bytes | str) -> bytes:
    return message(f1=message(f1=digest, f3=name, **fields))


def log(digest: str, text: str, stream: int = 1) -> bytes:
    return message(f3=message(f1=digest, f2=STAMP, f3=stream, f4=text))


def buildkit(*events: dict[str, Any]) -> Recorder:
    recorder = Recorder()
    decoder = BuildKitDecoder(recorder)
    for at, event in enumerate(events):
        decoder.feed(event, float(at))
    decoder.close(float(len(events)))
    return recorder


def test_buildkits_messages_become_steps_that_may_overlap() -> None:
    recorder = buildkit(
        trace(vertex("a", "[build 1/2] FROM base"), vertex("b", "[build 2/2] RUN make")),
        trace(vertex("a", "[build 1/2] FROM base", f4=1, f5=STAMP, f6=STAMP)),
        trace(vertex("b", "[build 2/2] RUN make", f5=STAMP)),
        trace(vertex("c", "[stage-1 1/1] WORKDIR /app", f5=STAMP), log("b", "half a ")),
        trace(log("b", "line\n\x1b[31mred\x1b[0m\n")),
        trace(vertex("b", "[build 2/2] RUN make", f5=STAMP, f6=STAMP)),
        trace(vertex("c", "[stage-1 1/1] WORKDIR /app", f5=STAMP, f6=STAMP)),
        {"id": "moby.image.id", "aux": {"ID": "sha256:ab"}},
    )
    steps = recorder.steps(99.0)

    assert [(s.name, s.start_seconds, s.duration_seconds, s.cached) for s in steps] == [
        ("[build 1/2] FROM base", 1.0, 0.0, True),
        ("[build 2/2] RUN make", 2.0, 3.0, False),
        ("[stage-1 1/1] WORKDIR /app", 3.0, 3.0, False),
    ]
    assert recorder.image == "sha256:ab"
    assert "\n#2 | half a line\n#2 | red" in recorder.tail()


def test_lines_of_both_streams_of_a_step_are_not_mixed() -> None:
    recorder = buildkit(
        trace(vertex("b", "RUN make", f5=STAMP), log("b", "out: half a "), log("b", "err", 2)),
        trace(log("b", "line\nout: no end"), log("b", "or\n", 2)),
        trace(vertex("b", "RUN make", f5=STAMP, f6=STAMP)),
    )

    lines = ["#1 | out: half a line", "#1 | error", "#1 | out: no end"]
    assert "\n".join(lines) in recorder.tail()


def test_a_colour_that_lies_across_two_messages_hides_no_warning() -> None:
    warning = "/src/A.cs(4,9): warning IL2026: text [/src/W.csproj]"
    recorder = buildkit(
        trace(vertex("b", "RUN make", f5=STAMP), log("b", "\x1b[3")),
        trace(log("b", f"3m{warning}\x1b["), log("b", "0m\n")),
    )

    assert [d.file for d in recorder.diagnostics.found()] == ["/src/A.cs"]


def test_a_failure_of_buildkit_is_told_with_its_step_and_its_last_error() -> None:
    text = "executor failed running [/bin/sh -c make]: exit code: 2"
    recorder = buildkit(
        trace(vertex("b", "[2/2] RUN make", f5=STAMP), log("b", "make: *** no rule\n")),
        trace(vertex("b", "[2/2] RUN make", f5=STAMP, f6=STAMP, f7=text)),
        {"errorDetail": {"message": text}, "error": text},
    )

    assert recorder.failure() == "step [2/2] RUN make failed with status 2: make: *** no rule"


def test_the_status_of_a_command_is_not_read_from_the_command() -> None:
    recorder = Recorder()
    message = 'process "/bin/sh -c echo exit code: 99999999999; false" did not run: exit code: 7'
    BuildKitDecoder(recorder).feed({"error": message}, 1.0)

    assert recorder.exit_status == 7


def test_fields_of_every_wire_type_are_passed_over() -> None:
    data = varint(1 << 3 | 1) + b"12345678" + varint(2 << 3 | 5) + b"1234" + message(f3=300, f4="x")

    assert list(wire_fields(data)) == [(1, b"12345678"), (2, b"1234"), (3, 300), (4, b"x")]


@pytest.mark.parametrize("data", [b"\x0a\x05ab", b"\x80", b"\x0b", b"\xff" * 11])
def test_a_message_that_is_none_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"BuildKit|wire type"):
        list(wire_fields(data))


@pytest.mark.parametrize("odd", ["text", 1, [1], None])
def test_an_event_of_another_shape_breaks_no_decoder(odd: Any) -> None:
    events = [
        {"errorDetail": odd, "error": "it broke"},
        {"aux": odd},
        {"errorDetail": {"code": odd}},
    ]
    recorder = classic(events)
    decoder = BuildKitDecoder(recorder)
    for event in (*events, {"id": "moby.image.id", "aux": odd}, {"id": "moby.image.id"}):
        decoder.feed(event, 1.0)

    assert recorder.image == ""


@pytest.mark.parametrize("odd", [{}, 1, [1], None])
def test_a_trace_that_is_no_text_is_refused(odd: Any) -> None:
    with pytest.raises(ValueError, match="no text"):
        BuildKitDecoder(Recorder()).feed({"id": "moby.buildkit.trace", "aux": odd}, 1.0)


def test_a_status_that_no_command_can_have_is_none() -> None:
    assert classic([{"errorDetail": {"code": 2**40, "message": "x"}}]).exit_status is None
