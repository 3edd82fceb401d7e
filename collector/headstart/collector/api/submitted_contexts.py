"""The contexts of builds that were sent before a file was submitted, put into its experiment."""

from headstart.collector.api.problems import mistaken
from headstart.collector.store.contexts import Contexts
from headstart.v1.experiment_pb2 import ContextArchive, Experiment
from headstart.v1.experiments_pb2 import SubmitRequest


def put_contexts(experiment: Experiment, request: SubmitRequest, contexts: Contexts | None) -> None:
    """Say of each build what was sent for it. Raises Status with every mistake.

    A client of before sends none: its contexts are folders of the hosts, as they were.
    """
    wrong: list[tuple[tuple[str, ...], str]] = []
    builds = {v.name: v.build for v in experiment.variants if v.HasField("build")}
    for name, archive in sorted(request.contexts.items()):
        build = builds.get(name)
        if build is None or build.context_on_host or build.HasField("git"):
            wrong.append((("variants",), f"a context was sent for {name[:80]!r}, which needs none"))
        elif contexts is None or not contexts.has(archive.sha256):
            message = "its context is not here (any more): submit the file again"
            wrong.append((("variants", name, "build"), message))
        else:
            build.archive.CopyFrom(
                ContextArchive(
                    sha256=archive.sha256,
                    stored_bytes=contexts.size(archive.sha256),
                    tar_bytes=archive.tar_bytes,
                    entries=archive.entries,
                )
            )
    for name, build in builds.items():
        is_elsewhere = build.context_on_host or build.HasField("git")
        if request.sends_contexts and not is_elsewhere and name not in request.contexts:
            message = (
                "its context was not sent; 'context_on_host: true' says that it is a folder of"
                " the hosts"
            )
            wrong.append((("variants", name, "build"), message))
    if wrong:
        # Late, as in `submission`.
        from headstart.collector.experiments.file import format_problem, placed

        problems = placed(request.source_text, wrong)
        name = request.file_name or "experiment.yaml"
        raise mistaken("\n".join(format_problem(each, name) for each in problems), problems)
