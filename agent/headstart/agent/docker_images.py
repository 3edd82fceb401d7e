"""What a variant's image is: the id that every trial uses, and what it runs."""

from headstart.agent.docker_engine import Engine
from headstart.agent.policy import Policy
from headstart.v1.experiment_pb2 import Variant
from headstart.v1.records_pb2 import Failure, FailureCode, ResolvedVariant


def resolve_image(
    engine: Engine, policy: Policy, variant: Variant, built: str = ""
) -> ResolvedVariant:
    """See `Runtime.resolve`; `built` is the image that the run built of the variant.

    RuntimeFault when the engine does not answer.
    """
    resolved = ResolvedVariant(variant=variant.name)
    reference = built or variant.image
    if not reference:
        return _refused(resolved, FailureCode.FAILURE_CODE_BUILD, "no image was built of it")
    image = engine.image(reference)
    # Asking for it by id is no more than asking by a name that it has.
    digests = (
        [image["Id"], *(image.get("RepoDigests") or []), *(image.get("RepoTags") or [])]
        if image
        else []
    )
    # Who may have an image built here may run it.
    if not built and not policy.allows_image(reference, digests):
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
            f" (docker pull {reference}), since a pull is never part of a run",
        )
    config = image.get("Config") or {}
    environment = dict(each.partition("=")[::2] for each in config.get("Env") or [])
    resolved.digest = image["Id"]
    resolved.argv.extend(
        variant.entrypoint or [*(config.get("Entrypoint") or []), *(config.get("Cmd") or [])]
    )
    if config.get("Entrypoint") and not variant.entrypoint:
        resolved.default_arguments = len(config.get("Cmd") or [])
    resolved.environment.update({**environment, **variant.environment})
    resolved.working_directory = variant.working_directory or config.get("WorkingDir") or "/"
    resolved.user = config.get("User") or ""
    if not resolved.argv:
        return _refused(
            resolved,
            FailureCode.FAILURE_CODE_DOES_NOT_START,
            f"image {reference} has neither entrypoint nor command; give the variant an entrypoint",
        )
    return resolved


def _refused(
    resolved: ResolvedVariant, code: FailureCode.ValueType, message: str
) -> ResolvedVariant:
    resolved.failure.CopyFrom(Failure(code=code, message=f"{resolved.variant}: {message}"))
    return resolved
