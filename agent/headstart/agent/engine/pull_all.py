"""All pulls of an experiment, before its first trial: each image once, one after the other."""

import logging
import os
import platform
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from headstart.agent.cancellation import Cancellation, Cancelled, apart
from headstart.agent.engine.pull_engine import PullBounds, PullFailed, pull
from headstart.agent.engine.pull_progress import PullProgress
from headstart.agent.engine.resolution import ARCHITECTURES
from headstart.agent.instances import RuntimeFault
from headstart.agent.policy.policy import Policy
from headstart.v1.experiment_pb2 import Variant
from headstart.v1.records_pb2 import Failure, FailureCode, ImagePulled
from headstart.words.foreign.image_reference import ImageReference, parse_image
from headstart.words.log_fields import with_fields

log = logging.getLogger(__name__)


@dataclass
class Pulled:
    """Variant -> its image with the digest that was pulled, or why there is none."""

    images: dict[str, str] = field(default_factory=dict)
    failures: dict[str, Failure] = field(default_factory=dict)


def pull_images(
    variants: Sequence[Variant],
    policy: Policy,
    emit: Callable[[ImagePulled], None],
    cancelled: Cancellation,
    doing: Callable[[str], None],
    bounds: PullBounds | None = None,
    note: Callable[[str], None] = lambda _reference: None,
    note_came: Callable[[str, str], None] = lambda _reference, _name: None,
) -> Pulled:
    """Pull what these variants name, which the policy was asked about; a failure is a result.

    `note` is told each reference before its pull begins, and `note_came` what came of it, with
    its digest, before anything else is done. Both may raise RuntimeFault.
    """
    bounds = bounds or PullBounds(policy.pull_limit_bytes)
    pulled = Pulled()
    for image, names in _by_image(variants).items():
        try:
            note(image.full)
            reference = _pull_one(image, names, bounds, emit, cancelled, doing, note_came)
        except PullFailed as failed:
            _fail(pulled, names, FailureCode.FAILURE_CODE_PULL, f"{image.full}: {failed}")
        except RuntimeFault as fault:
            _fail(pulled, names, fault.code, fault.message)
        else:
            pulled.images.update(dict.fromkeys(names, reference))
    # What the engine wrote is not to be written back while the first trial is measured.
    with suppress(Cancelled):
        apart(os.sync, cancelled)
    return pulled


def _by_image(variants: Sequence[Variant]) -> Mapping[ImageReference, list[str]]:
    """Image -> the variants that name it, in their order."""
    found: dict[ImageReference, list[str]] = {}
    for variant in variants:
        found.setdefault(parse_image(variant.image), []).append(variant.name)
    return found


def _pull_one(
    image: ImageReference,
    variants: Sequence[str],
    bounds: PullBounds,
    emit: Callable[[ImagePulled], None],
    cancelled: Cancellation,
    doing: Callable[[str], None],
    note_came: Callable[[str, str], None],
) -> str:
    """The name that the run uses: with the digest that came, where the engine told it."""

    def hear(progress: PullProgress) -> None:
        doing(f"pulling {image.full}: {progress.transferred_bytes / 1e6:.1f} MB in sight")

    doing(f"pulling {image.full}")
    found = pull(image, _platform(), bounds, cancelled, hear)
    progress = found.progress
    name = f"{image.domain}/{image.path}@{progress.digest}" if progress.digest else image.full
    note_came(image.full, name)
    record = ImagePulled(
        variants=variants,
        reference=image.full,
        digest=progress.digest,
        duration_seconds=(found.end_ns - found.begin_ns) / 1e9,
        transferred_bytes=progress.transferred_bytes,
        layers=progress.layers,
        layers_present=progress.layers_present,
        layers_of_unknown_size=progress.layers_of_unknown_size,
    )
    fields = with_fields(digest=record.digest, seconds=record.duration_seconds)
    log.info("pulled %s", image.full, extra=fields)
    emit(record)
    return name


def _platform() -> str:
    """What images are pulled for: this host, since an emulator would be measured."""
    machine = platform.machine()
    return f"linux/{ARCHITECTURES.get(machine, (machine,))[0]}"


def _fail(pulled: Pulled, variants: Sequence[str], code: FailureCode.ValueType, words: str) -> None:
    for name in variants:
        message = f"{name}: {words}"
        if code != FailureCode.FAILURE_CODE_CANCELLED:
            log.warning("not pulled: %s", message)
        pulled.failures[name] = Failure(code=code, message=message)
