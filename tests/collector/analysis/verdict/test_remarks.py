"""What a reader must know before believing a run's figures is said, once."""

from headstart.collector.analysis.analyse import analyse_run
from headstart.v1.records_pb2 import Flag, FlagEffect
from headstart.words.flags import FlagCode
from support.fake_runs import Fake


def test_app_and_load_on_one_cpu_are_said_once_for_all_trials() -> None:
    fake = Fake(blocks=3, load_every=1, load_seconds=5)
    records = list(fake.records())
    trials = sum(record.HasField("trial_outcome") for record in records)
    for record in records:
        if record.HasField("trial_outcome"):
            record.trial_outcome.flags.append(
                Flag(
                    code=FlagCode.LOAD_SHARES_CPUS,
                    effect=FlagEffect.FLAG_EFFECT_NOTE,
                    text="app and load ran on the same CPU 0",
                )
            )
    said = [each for each in analyse_run(fake.info(), records).remarks if "same CPU" in each]

    assert said == [f"App and load ran on the same CPU 0 (so in {trials} trials)."]
