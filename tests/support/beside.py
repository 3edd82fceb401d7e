"""Companions of tests: images of `companion.c`, and an experiment with one beside its app."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from headstart.v1.experiment_pb2 import (
    Check,
    Companion,
    CompanionReady,
    Experiment,
    HttpCheck,
    HttpRequest,
    Plan,
    Service,
    Variant,
)
from support.images import build_app, image_of

SOURCE = Path(__file__).with_name("companion.c")


@contextmanager
def companion_image(folder: Path, name: str = "beside") -> Iterator[str]:
    """An image whose program is `app`, for companions and for the app beside them."""
    program = build_app(folder, SOURCE)
    with image_of(program, f"headstart-test:{name}-{os.getpid()}", ["USER 65532"]) as image:
        yield image


def database(image: str, *words: str, name: str = "db", **fields: Any) -> Companion:
    """One that keeps a text at port 5432 and is ready when it listens, unless said otherwise."""
    given: dict[str, Any] = {"ready": CompanionReady(port=5432, timeout_seconds=20)} | fields
    argv = ["app", *(words or ("keep=5432",))]
    container = Variant(name=f"beside.{name}", image=image, entrypoint=argv)
    return Companion(name=name, container=container, **given)


def experiment_beside(image: str, *companions: Companion, **plan: Any) -> Experiment:
    """Two variants of an app that answers with what its database keeps."""
    given: dict[str, Any] = {"blocks": 1, "idle_seconds": 0.1, "sample_interval_seconds": 0.02}
    serve = ["app", "serve=8080"]
    ready = HttpCheck(request=HttpRequest(method="GET", target="/"))
    return Experiment(
        name="beside",
        baseline="a",
        variants=[Variant(name=name, image=image, entrypoint=serve) for name in ("a", "b")],
        service=Service(port=8080, ready=Check(http=ready), startup_timeout_seconds=20),
        plan=Plan(**(given | plan)),
        beside=companions,
    )
