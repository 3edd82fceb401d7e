"""The event loop of a command."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


def run_loop(work: Coroutine[Any, Any, T]) -> T:
    """As asyncio.run; where a signal comes before `work` began, Python has nothing to say of it."""
    try:
        return asyncio.run(work)
    finally:
        work.close()
