"""Each thing that spoils measurements is found on a host that has it, and on no other."""

from dataclasses import replace
from typing import Any

import pytest

from headstart.agent.host.activity import HostLoad
from headstart.agent.host.advice import CHECKS, Readings, advise, kernel_version, shared_cores
from headstart.agent.host.cpu import UNKNOWN, CpuPlace
from headstart.agent.host.system import System
from headstart.v1.host_pb2 import Advice, AdviceLevel, Cpu

GOOD = AdviceLevel.ADVICE_LEVEL_GOOD
WARNING = AdviceLevel.ADVICE_LEVEL_WARNING
BAD = AdviceLevel.ADVICE_LEVEL_BAD
PLACES = {cpu: CpuPlace("0", frozenset({cpu})) for cpu in range(4)}
# 0 and 2 are threads of one core, 1 and 3 of the other.
SMT_PLACES = {cpu: CpuPlace("0", frozenset({cpu % 2, cpu % 2 + 2})) for cpu in range(4)}

IDEAL = Readings(
    cpu=Cpu(
        model="x",
        sockets=1,
        cores=4,
        threads=4,
        governor="performance",
        turbo="off",
        smt="off",
        virtualisation="none",
    ),
    places=PLACES,
    system=System(
        operating_system="Debian",
        kernel="6.12.1",
        cgroup_version=2,
        memory_bytes=16 << 30,
        memory_available_bytes=15 << 30,
        swap_total_bytes=1 << 30,
        swap_used_bytes=0,
        clock_source="tsc",
        transparent_huge_pages="madvise",
        aslr="2",
        mitigations_off=False,
        in_pid_namespace=False,
    ),
    load=HostLoad(
        idle_share=0.99,
        steal_share=0.0,
        steal_share_since_boot=0.0,
        load_average_1m=0.1,
        cpu_pressure_share=0.0,
    ),
    has_engine=True,
    is_root=True,
)


def with_cpu(**changed: Any) -> Readings:
    cpu = Cpu()
    cpu.CopyFrom(IDEAL.cpu)
    for name, value in changed.items():
        setattr(cpu, name, value)
    return replace(IDEAL, cpu=cpu)


def with_system(**changed: Any) -> Readings:
    return replace(IDEAL, system=replace(IDEAL.system, **changed))


def with_load(**changed: Any) -> Readings:
    return replace(IDEAL, load=replace(IDEAL.load, **changed))


def found(readings: Readings, code: str) -> Advice:
    (advice,) = (advice for advice in advise(readings) if advice.code == code)
    return advice


def test_an_ideal_host_is_told_that_all_is_good() -> None:
    advice = advise(IDEAL)

    assert {a.level for a in advice} == {GOOD}
    # Every check but the one that speaks only in a container.
    assert len(advice) == len(CHECKS) - 1
    assert all(a.finding and not a.remedy for a in advice)


SPOILT: list[tuple[str, Readings, AdviceLevel.ValueType, str]] = [
    ("cores", with_cpu(cores=1, threads=1), BAD, "one CPU"),
    ("cores", with_cpu(cores=1, threads=2, smt="on"), WARNING, "2 threads"),
    ("smt", with_cpu(smt="on"), WARNING, "Two threads"),
    ("governor", with_cpu(governor="powersave"), WARNING, "powersave"),
    ("governor", with_cpu(governor="performance,powersave"), WARNING, "powersave"),
    ("turbo", with_cpu(turbo="on"), WARNING, "Turbo is on"),
    ("virtualisation", with_cpu(virtualisation="kvm"), WARNING, "kvm"),
    ("virtualisation", with_cpu(virtualisation=UNKNOWN), WARNING, "virtual machine"),
    ("steal", with_load(steal_share=0.02), WARNING, "2.0%"),
    ("steal", with_load(steal_share_since_boot=0.03), WARNING, "3.0% since boot"),
    ("steal", with_load(steal_share=0.06), BAD, "6.0%"),
    ("background-load", with_load(idle_share=0.90), WARNING, "90% idle"),
    ("background-load", with_load(idle_share=0.50, load_average_1m=2.5), BAD, "2.50"),
    ("background-load", with_load(cpu_pressure_share=0.4), WARNING, "40%"),
    ("clock-source", with_system(clock_source="hpet"), WARNING, "hpet"),
    ("memory", with_system(memory_available_bytes=500 << 20), WARNING, "500 MiB"),
    ("memory", with_system(memory_available_bytes=100 << 20), BAD, "100 MiB"),
    ("swap", with_system(swap_used_bytes=300 << 20), WARNING, "300 MiB"),
    ("aslr", with_system(aslr="0"), WARNING, "not fully randomised"),
    ("aslr", with_system(aslr="1"), WARNING, "not fully randomised"),
    ("huge-pages", with_system(transparent_huge_pages="always"), WARNING, "always on"),
    ("cgroup", with_system(kernel="6.1.0-25-amd64"), WARNING, "6.12"),
    ("engine", replace(IDEAL, has_engine=False), WARNING, "No container engine"),
    ("root", replace(IDEAL, is_root=False), WARNING, "proc connector"),
    ("pid-namespace", with_system(in_pid_namespace=True), WARNING, "container"),
]


@pytest.mark.parametrize(("code", "readings", "level", "words"), SPOILT)
def test_what_spoils_measurements_is_found_with_a_remedy(
    code: str, readings: Readings, level: AdviceLevel.ValueType, words: str
) -> None:
    advice = found(readings, code)

    assert advice.level == level
    assert words in advice.finding
    assert advice.remedy


@pytest.mark.parametrize(("code", "readings", "level", "words"), SPOILT)
def test_one_cause_gives_one_warning(
    code: str, readings: Readings, level: AdviceLevel.ValueType, words: str
) -> None:
    # One core with two threads is two causes.
    expected = {"cores", "smt"} if readings.cpu.smt == "on" and code == "cores" else {code}

    assert {a.code for a in advise(readings) if a.level != GOOD} == expected


@pytest.mark.parametrize(
    ("code", "readings"),
    [
        ("governor", with_cpu(governor=UNKNOWN)),
        ("turbo", with_cpu(turbo=UNKNOWN)),
        ("smt", with_cpu(smt=UNKNOWN)),
        ("cores", with_cpu(cores=0, threads=0)),
        ("steal", with_load(steal_share=None)),
        ("background-load", with_load(idle_share=None)),
        ("clock-source", with_system(clock_source=UNKNOWN)),
        ("aslr", with_system(aslr=UNKNOWN)),
        ("huge-pages", with_system(transparent_huge_pages=UNKNOWN)),
        ("memory", with_system(memory_bytes=0, memory_available_bytes=0)),
    ],
)
def test_what_cannot_be_read_is_neither_praised_nor_blamed(code: str, readings: Readings) -> None:
    assert code not in {advice.code for advice in advise(readings)}


def test_a_guest_is_not_promised_whole_cores() -> None:
    assert "as far as" in found(with_cpu(virtualisation="kvm"), "smt").finding


def test_version_1_of_control_groups_can_reset_its_peak_on_every_kernel() -> None:
    assert found(with_system(cgroup_version=1, kernel="5.4.0"), "cgroup").level == GOOD


def pinned(server: str, load: str) -> Readings:
    return replace(with_cpu(smt="on"), places=SMT_PLACES, server_cpus=server, load_cpus=load)


def test_threads_of_one_core_for_server_and_generator_are_bad() -> None:
    advice = found(pinned("0", "2"), "smt")

    assert advice.level == BAD
    assert "0 and 2" in advice.finding


def test_different_cores_for_server_and_generator_are_good() -> None:
    assert found(pinned("0,2", "1,3"), "smt").level == GOOD


def test_pinning_only_one_side_leaves_the_other_free_to_disturb() -> None:
    assert found(pinned("0", ""), "smt").level == WARNING


def test_shared_cores_are_named_by_pairs() -> None:
    assert shared_cores("0", "1-3", SMT_PLACES) == [(0, 2)]
    assert shared_cores("0-1", "1", PLACES) == [(1, 1)]
    assert shared_cores("", "1", SMT_PLACES) == []
    # A CPU that is offline shares with nobody.
    assert shared_cores("9", "1", SMT_PLACES) == []


def test_versions_of_kernels() -> None:
    assert kernel_version("6.12.0-rc1") == (6, 12)
    assert kernel_version("unknown") == (0, 0)
