"""What a variant's image is: the id that every trial uses, and what it runs."""

import json
import platform
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from headstart.agent.engine.engine import Engine
from headstart.agent.policy.policy import Policy
from headstart.v1.experiment_pb2 import Variant
from headstart.v1.records_pb2 import Failure, FailureCode, ResolvedVariant
from headstart.words.foreign.image_reference import (
    OFFICIAL,
    ImageReference,
    MalformedReference,
    parse_image,
)

# Of a configuration, the part that is recorded and given to the kernel. An honest one has some
# kB; a record of mebibytes is taken by no collector.
_LARGEST_CONFIG_BYTES = 64 << 10
_RECORDED = ("Env", "Entrypoint", "Cmd", "User", "WorkingDir")


def resolve_image(
    engine: Engine, policy: Policy, variant: Variant, built: str = "", pulled: str = ""
) -> ResolvedVariant:
    """See `Runtime.resolve`; `built` is the image that the run built of the variant.

    `pulled`: its name with the digest that the run pulled, whatever its tag means by now.

    RuntimeFault when the engine does not answer.
    """
    resolved = ResolvedVariant(variant=variant.name)
    reference = built or pulled or variant.image
    if not reference:
        return _refused(resolved, FailureCode.FAILURE_CODE_BUILD, "no image was built of it")
    try:
        asked = parse_image(reference)
    except MalformedReference as error:
        return _refused(
            resolved,
            FailureCode.FAILURE_CODE_REFUSED_BY_POLICY,
            f"{reference!r} is no reference of an image: {error}",
        )
    image = engine.image(reference)
    # Who may have an image built here may run it, as who may have it pulled.
    if not (built or pulled) and not policy.allows_image(
        names_of(image, asked) if image else [asked]
    ):
        patterns = ", ".join(policy.images) or "none"
        return _refused(
            resolved,
            FailureCode.FAILURE_CODE_REFUSED_BY_POLICY,
            f"the policy of this host does not allow image {reference} (images: {patterns})",
        )
    if image is None:
        return _refused(
            resolved,
            FailureCode.FAILURE_CODE_IMAGE_MISSING,
            f"this host's engine does not hold image {reference}; pull, load or build it there"
            f" (docker pull {reference})",
        )
    if (words := _other_platform(image)) is not None:
        code = FailureCode.FAILURE_CODE_DOES_NOT_START
        if pulled:
            code = FailureCode.FAILURE_CODE_PULL
        return _refused(resolved, code, f"image {reference} {words}")
    config = image.get("Config") or {}
    if (size := len(json.dumps([config.get(key) for key in _RECORDED]))) > _LARGEST_CONFIG_BYTES:
        return _refused(
            resolved,
            FailureCode.FAILURE_CODE_DOES_NOT_START,
            f"the environment, entrypoint, command, user and folder of image {reference} have"
            f" {size} bytes; at most {_LARGEST_CONFIG_BYTES} were expected",
        )
    # A user that the variant states is told with its key (`runtimes.needs_checks`).
    refused = None if variant.needs.user else policy.user_refusal(config.get("User") or "")
    is_program = bool(variant.arguments) and not config.get("Entrypoint")
    if refused is None and (variant.entrypoint or is_program):
        refused = policy.entrypoint_refusal()
    if refused is not None:
        return _refused(resolved, FailureCode.FAILURE_CODE_REFUSED_BY_POLICY, refused)
    environment = dict(each.partition("=")[::2] for each in config.get("Env") or [])
    resolved.digest = image["Id"]
    resolved.argv.extend(
        [*variant.entrypoint, *variant.arguments]
        if variant.entrypoint
        else [*(config.get("Entrypoint") or []), *(variant.arguments or config.get("Cmd") or [])]
    )
    if config.get("Entrypoint") and not (variant.entrypoint or variant.arguments):
        resolved.default_arguments = len(config.get("Cmd") or [])
    resolved.environment.update({**environment, **variant.environment})
    resolved.working_directory = variant.working_directory or config.get("WorkingDir") or "/"
    resolved.user = variant.needs.user or config.get("User") or ""
    if variant.HasField("needs"):
        resolved.needs.CopyFrom(variant.needs)
    if not resolved.argv:
        return _refused(
            resolved,
            FailureCode.FAILURE_CODE_DOES_NOT_START,
            f"image {reference} has neither entrypoint nor command; give the variant an entrypoint",
        )
    return resolved


# Of `uname -m` -> what an image may be built for, the host's own first.
ARCHITECTURES = {"x86_64": ("amd64", "386"), "aarch64": ("arm64", "arm")}


def _other_platform(image: Mapping[str, Any]) -> str | None:
    """Why an image is for another kind of host; an emulator would be measured, not the app."""
    system = image.get("Os") or "linux"
    own = ARCHITECTURES.get(platform.machine(), ())
    architecture = image.get("Architecture") or ""
    if system == "linux" and (not own or not architecture or architecture in own):
        return None
    host = own[0] if own else platform.machine()
    return (
        f"is for {system}/{architecture or '?'}, this host is linux/{host};"
        f" pull or build it with --platform linux/{host}"
    )


def names_of(image: Mapping[str, Any], asked: ImageReference) -> Iterator[ImageReference]:
    """The id, digests and tags of what the engine found, whichever of them was asked for.

    What was asked for says nothing by itself: an engine that knows no such name takes it
    for the beginning of an id. And asking by id is no more than asking by a name that the
    image has.
    """
    yield ImageReference(digest=image["Id"])
    # Podman finds what was built here without the registry that it lists it under.
    local = replace(asked, domain="localhost", path=asked.path.removeprefix(OFFICIAL))
    for text in [*(image.get("RepoDigests") or []), *(image.get("RepoTags") or [])]:
        try:
            name = parse_image(text)
        except MalformedReference:
            # "<none>:<none>"
            continue
        yield name
        if asked.path and name == local:
            yield asked


def _refused(
    resolved: ResolvedVariant, code: FailureCode.ValueType, message: str
) -> ResolvedVariant:
    resolved.failure.CopyFrom(Failure(code=code, message=f"{resolved.variant}: {message}"))
    return resolved
