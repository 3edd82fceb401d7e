"""What became of a variant, in words."""

from headstart.collector.analysis.analyse import analyse_run
from headstart.v1.records_pb2 import CheckOutcome, Difference, Record
from support.fake_runs import small


def test_a_check_that_fails_says_how_many_more_differences_there_are() -> None:
    check = CheckOutcome(
        trial=1,
        check="GET /players/7",
        expected="the same answer as jit",
        actual="$.0: 1 instead of 2",
        differences=[Difference(path=f"$.{n}") for n in range(3)],
    )
    fake = small(blocks=3)
    result = analyse_run(fake.info(), [*fake.records(), Record(check_outcome=check)])

    (sentence,) = (each for variant in result.variants for each in variant.failing_checks)
    assert sentence.endswith("got $.0: 1 instead of 2, and 2 more differences")
