"""What a policy says of what stands beside an app."""

from headstart.agent.policy.policy import Policy
from headstart.agent.runtimes.beside import beside_obstacles
from headstart.v1.experiment_pb2 import Companion, CompanionReady, Experiment, Seed, Words

FIXED = Policy(images=("*",), entrypoint=False)


def told(policy: Policy, **fields: object) -> list[tuple[object, ...]]:
    experiment = Experiment(beside=[Companion(name="db", **fields)])  # type: ignore[arg-type]
    return [each.path for each in beside_obstacles(experiment, policy)]


def test_where_images_keep_their_entrypoint_nothing_else_runs_in_them() -> None:
    """Else whoever may run an image might run each program in it, by its seed."""
    asked = CompanionReady(command=Words(argv=["sh"]))
    seed = Seed(argv=["sh", "-c", "anything"])

    assert told(FIXED, ready=asked) == [("beside", "db", "ready")]
    assert told(FIXED, ready=CompanionReady(port=5432), seed=seed) == [("beside", "db", "seed")]
    assert told(FIXED, ready=CompanionReady(port=5432)) == []
    assert told(Policy(images=("*",)), ready=asked, seed=seed) == []
