"""What a build made is what the engine did not hold before, whatever a step wrote."""

from headstart.agent.builds.leavings import Leavings
from headstart.agent.builds.recorder import Recorder
from headstart.agent.instances import RuntimeFault
from headstart.v1.records_pb2 import FailureCode


class Held:
    """An engine that holds some ids, and goes away when it is told to."""

    def __init__(self, *ids: str) -> None:
        self.ids = list(ids)
        self.gone = False

    def everything(self) -> frozenset[str]:
        return frozenset(self.ids)

    def step_container(self, container: str) -> str:
        if self.gone:
            raise RuntimeFault(FailureCode.FAILURE_CODE_ENGINE, "gone")
        return next((each for each in self.ids if each.startswith(container)), "")

    def step_image(self, image: str) -> str:
        return next((each for each in self.ids if image in each), "")


def test_what_was_there_before_the_build_is_not_what_it_made() -> None:
    engine, recorder = Held("aaaa-foreign", "sha256:bbbb-foreign"), Recorder()
    leavings = Leavings(engine)
    leavings.begin()
    engine.ids += ["cccc-step", "sha256:dddd-step"]
    recorder.containers += ["aaaa", "cccc", "cccc", "eeee"]
    recorder.images += ["bbbb", "dddd", "eeee"]
    recorder.image = "sha256:bbbb-foreign"
    leavings.look(recorder)

    assert leavings.containers == ["cccc-step"]
    assert leavings.images == ["sha256:dddd-step"]


def test_what_could_not_be_asked_is_asked_again() -> None:
    engine, recorder = Held(), Recorder()
    leavings = Leavings(engine)
    leavings.begin()
    engine.ids += ["cccc-step"]
    recorder.containers += ["cccc"]
    engine.gone = True
    try:
        leavings.look(recorder)
    except RuntimeFault:
        engine.gone = False
    leavings.look(recorder)

    assert leavings.containers == ["cccc-step"]


def test_of_a_build_that_did_not_begin_nothing_is_left() -> None:
    recorder = Recorder()
    recorder.containers += ["cccc"]
    leavings = Leavings(Held("cccc-foreign"))
    leavings.look(recorder)

    assert leavings.containers == []
