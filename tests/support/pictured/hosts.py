"""The machines of the pictures: two kinds of hardware, and one of each trouble."""

from dataclasses import dataclass

from headstart.v1.host_pb2 import Advice, AdviceLevel, Cpu, Engine, HostFacts

XEON = "Intel(R) Xeon(R) Gold 6230 CPU @ 2.10GHz"
EPYC = "AMD EPYC 9B14"


@dataclass(frozen=True)
class Machine:
    """A host; `pace` is how long it takes for what the fastest does in 1.0."""

    name: str
    cpu_model: str
    fingerprint: str
    pace: float
    # Of one figure over the trials of a run; an unfit host's runs differ by themselves.
    noise: float = 0.012
    agent_version: str = "0.1.0"
    findings: tuple[tuple[AdviceLevel.ValueType, str, str, str], ...] = ()

    def facts(self) -> HostFacts:
        """As its agent's hello has them."""
        return HostFacts(
            host=self.name,
            labels={"name": self.name},
            fingerprint=self.fingerprint,
            cpu=Cpu(
                model=self.cpu_model,
                cores=8,
                threads=16,
                governor="performance",
                virtualisation="none",
            ),
            memory_bytes=32 << 30,
            kernel="6.18.5",
            cgroup_version=2,
            engine=Engine(name="docker", version="28.1.1", storage_driver="overlay2"),
            operating_system="Debian GNU/Linux 13",
            agent_version=self.agent_version,
            advice=[
                Advice(level=level, code=code, finding=finding, remedy=remedy)
                for level, code, finding, remedy in self.findings
            ],
        )


XEON_1 = Machine("xeon-1", XEON, "c0ffee12", 1.0)
XEON_2 = Machine("xeon-2", XEON, "c0ffee12", 1.02)
EPYC_1 = Machine("epyc-1", EPYC, "9f3ac0de", 0.78)
# What it measures depends on what else it does: its A/A run says so.
EPYC_UNFIT = Machine(
    "epyc-2",
    EPYC,
    "9f3ac0de",
    0.8,
    noise=0.02,
    findings=(
        (
            AdviceLevel.ADVICE_LEVEL_BAD,
            "governor",
            "The frequency governor is powersave.",
            "Set it to performance.",
        ),
        (
            AdviceLevel.ADVICE_LEVEL_WARNING,
            "turbo",
            "Turbo is on.",
            "Switch it off.",
        ),
    ),
)
# Its agent has not been heard of for hours.
XEON_AWAY = Machine("xeon-3", XEON, "c0ffee12", 1.01, agent_version="0.0.9")

CONNECTED = (XEON_1, XEON_2, EPYC_1, EPYC_UNFIT)
MACHINES = (*CONNECTED, XEON_AWAY)
