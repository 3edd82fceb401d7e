"""The launch gate: a tiny program that holds an app back until the agent lets it start."""

from headstart.agent.runtimes.launch_gate.folder import (
    Gated,
    GateFolder,
    GateStamps,
    gate_binary,
)

__all__ = ["GateFolder", "GateStamps", "Gated", "gate_binary"]
