"""The table and the plot of images."""

import io
import re
from dataclasses import replace

from rich.console import Console

from headstart.collector.findings import Image, RunResult
from headstart.collector.findings.json import from_json, to_json
from headstart.collector.report.formats.html import render_html
from headstart.collector.report.formats.markdown import render_markdown
from headstart.collector.report.formats.terminal_report import print_result
from headstart.collector.report.plots.image_parts import image_note, image_plot, image_rows
from support.fake_runs import AOT, JIT, Fake


def result() -> RunResult:
    return Fake(kinds=(JIT, AOT), blocks=3).result()


def mislabelled() -> RunResult:
    found = result()
    variants = [replace(v, mislabelled="it is not") for v in found.variants]
    return replace(found, variants=tuple(variants))


COMMAND = Image("jit", None, None, False, None, "", None, 4100, 0, "script", "/srv/<b>server.py")


def printed(found: RunResult) -> str:
    out = io.StringIO()
    print_result(found, Console(file=out, width=140))
    return out.getvalue()


def test_every_part_is_in_every_format() -> None:
    found = result()
    for text in (printed(found), render_markdown(found), render_html(found)):
        for part in ("49.2 MB", "123 MB", "12.0 MB", "11.0 MB", "1.00 MB", ".NET Native AOT"):
            assert part in text
        assert "not as claimed" not in text


def test_a_program_that_is_not_as_claimed_is_marked_in_every_format() -> None:
    found = mislabelled()
    for text in (printed(found), render_markdown(found), render_html(found)):
        assert "⚑ not as claimed" in text


def test_what_else_was_seen_of_a_program_stands_beside_its_path() -> None:
    (row,) = image_rows(replace(result(), images=(replace(COMMAND, binary_detail="by python3"),)))

    assert row.path == "/srv/<b>server.py, by python3"


def test_an_unknown_part_is_called_unknown_and_one_that_does_not_exist_is_blank() -> None:
    found = result()
    unknown = replace(found.images[1], pull_bytes=None, base="", above_base_bytes=None)
    first, second = image_rows(replace(found, images=(COMMAND, unknown)))

    assert (second.pull, second.above_base, second.base) == ("unknown", "unknown", "unknown")
    assert (first.pull, first.unpacked, first.layers, first.base) == ("", "", "", "")
    assert (first.own, first.symbols, first.kind) == ("4.10 kB", "0 B", "script")


def test_an_estimate_is_called_one() -> None:
    found = result()
    exact = tuple(replace(image, pull_estimated=False) for image in found.images)

    assert "estimated by compressing them on the host" in image_note(found)
    assert "estimated" not in image_note(replace(found, images=exact))


def test_steps_are_shown_without_what_builders_write_around_them() -> None:
    steps = [step for _, _, step, _ in image_rows(result())[0].steps]

    assert steps == ["ADD file:1 in /", "COPY /out /app"]


def test_the_plot_has_a_segment_for_each_layer_and_is_left_out_without_any() -> None:
    found = result()
    svg = image_plot(found)

    assert svg is not None
    assert len(re.findall(r"<title", svg)) == 1
    assert "base image" in svg
    assert "13.7 MB" in svg
    assert image_plot(replace(found, images=(COMMAND,))) is None
    assert image_plot(replace(found, images=())) is None


def test_names_from_an_image_are_escaped() -> None:
    page = render_html(replace(result(), images=(COMMAND,)))

    assert "/srv/&lt;b&gt;server.py" in page


def test_images_survive_json() -> None:
    found = result()

    assert from_json(to_json(found)).images == found.images
