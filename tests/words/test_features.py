"""What an experiment can ask of an agent that earlier agents would leave out in silence."""

from headstart.v1.experiment_pb2 import (
    Build,
    Check,
    CommandCheck,
    ContainerNeeds,
    ContextArchive,
    Experiment,
    GitSource,
    HostPath,
    HttpCheck,
    LogCheck,
    SecretReference,
    Service,
    Variant,
)
from headstart.words.features import FEATURE_NAMES, unknown_to


def test_what_asks_for_nothing_runs_everywhere() -> None:
    assert unknown_to((), Experiment(variants=[Variant(name="jit")])) == ""


def test_an_agent_that_lacks_it_is_named_the_keys() -> None:
    referring = Variant(secret_environment={"DB": SecretReference(variable="DB")})
    experiment = Experiment(variants=[referring])

    assert "values that come from the host (from: NAME)" in unknown_to((), experiment)
    assert unknown_to(FEATURE_NAMES, experiment) == ""


def test_an_agent_that_would_leave_out_what_a_container_needs_gets_none_of_it() -> None:
    plain = Experiment(variants=[Variant(name="jit", needs=ContainerNeeds())])
    asking = Experiment(variants=[Variant(name="jit", needs=ContainerNeeds(read_only=True))])

    assert unknown_to(("secrets",), plain) == ""
    assert "keys of a container" in unknown_to(("secrets",), asking)
    assert unknown_to(FEATURE_NAMES, asking) == ""


def test_an_agent_that_would_resolve_no_name_of_a_variant_gets_no_run_that_has_one() -> None:
    asking = Experiment(variants=[Variant(name="a", needs=ContainerNeeds(hosts={"db": "::1"}))])

    assert "(hosts)" in unknown_to(("secrets", "needs"), asking)
    assert unknown_to(("needs", "hosts"), asking) == ""


def test_an_agent_that_would_ask_at_the_port_of_the_app_is_sent_no_other() -> None:
    own = Check(http=HttpCheck(port=8081))
    plain = Experiment(service=Service(port=80, ready=Check(http=HttpCheck())))
    experiments = [
        Experiment(service=Service(port=80, ready=own)),
        Experiment(service=Service(port=80, first_data=own)),
        Experiment(service=Service(port=80, checks=[Check(http=HttpCheck()), own])),
    ]

    assert unknown_to((), plain) == ""
    for experiment in experiments:
        assert "requests to another port" in unknown_to((), experiment)
        assert unknown_to(FEATURE_NAMES, experiment) == ""


def test_an_agent_that_would_build_from_a_folder_of_its_own_gets_no_context_that_was_sent() -> None:
    folder = Experiment(variants=[Variant(name="jit", build=Build(context="/src"))])
    sent = Experiment(variants=[Variant(name="jit", build=Build(archive=ContextArchive()))])

    assert unknown_to((), folder) == ""
    assert "builds whose contexts were sent" in unknown_to(("secrets",), sent)
    assert unknown_to(FEATURE_NAMES, sent) == ""


def test_an_agent_that_would_lend_nothing_of_its_host_gets_no_run_that_asks_for_it() -> None:
    needs = ContainerNeeds(host_paths=[HostPath(host="/srv/data", at="/data")])
    asking = Experiment(variants=[Variant(name="a", needs=needs)])

    assert "(volumes: host)" in unknown_to(("needs", "hosts"), asking)
    assert unknown_to(("host-paths",), asking) == ""


def test_an_agent_that_would_ask_for_the_last_step_alone_is_leased_no_several() -> None:
    ask = Check(http=HttpCheck())
    several = Experiment(service=Service(port=80, before_ready=[ask], ready=ask))

    assert "in several steps" in unknown_to(("ready-port",), several)
    assert unknown_to(FEATURE_NAMES, several) == ""
    own = Check(http=HttpCheck(port=8081))
    assert "another port" in unknown_to(
        ("ready-steps",), Experiment(service=Service(port=80, before_ready=[own], ready=ask))
    )


def test_an_agent_that_would_take_a_folder_of_a_repository_for_its_own_gets_none() -> None:
    asking = Experiment(variants=[Variant(name="jit", build=Build(git=GitSource()))])

    assert "build.git" in unknown_to(("secrets",), asking)
    assert unknown_to(FEATURE_NAMES, asking) == ""


def test_an_agent_that_would_take_a_worker_for_a_batch_program_is_leased_none() -> None:
    line = Check(log=LogCheck(pattern="ready"))
    worker = Experiment(service=Service(ready=line))
    batch = Experiment(service=Service(ready=Check(command=CommandCheck())))

    assert unknown_to((), batch) == ""
    assert "by a line of the log" in unknown_to(("ready-port", "ready-steps"), worker)
    assert unknown_to(FEATURE_NAMES, worker) == ""
