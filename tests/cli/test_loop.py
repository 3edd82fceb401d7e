"""A signal that comes before a command's work began ends it without words of Python's."""

import asyncio
import gc
import warnings

import pytest

from headstart.cli.loop import run_loop


async def _work() -> int:
    return 7


def test_work_that_never_began_is_no_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(_work: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(asyncio, "run", interrupted)
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        with pytest.raises(KeyboardInterrupt):
            run_loop(_work())
        gc.collect()

    assert [str(each.message) for each in told] == []


def test_what_work_returns_is_returned() -> None:
    assert run_loop(_work()) == 7
