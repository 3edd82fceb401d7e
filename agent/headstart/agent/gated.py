"""What the instances of both runtimes do with their gate."""

from headstart.agent.gate import GateFolder, GateStamps


class Gated:
    """An instance that waits in a gate until it is opened."""

    gated = True

    def __init__(self, gate: GateFolder, program: str) -> None:
        self._gate = gate
        self._program = program

    def open_gate(self) -> int:
        """See `Instance`."""
        return self._gate.open()

    def exec_ns(self) -> int | None:
        """See `Instance`."""
        stamps = self._stamps()
        return None if stamps is None else stamps.exec_ns

    def with_exec_error(self, tail: str) -> str:
        """The app's output, and the gate's words where no app came to be."""
        stamps = self._stamps()
        if stamps is None or stamps.reason is None:
            return tail
        return f"{tail}gate: exec of {self._program} failed: {stamps.reason}\n"

    def _stamps(self) -> GateStamps | None:
        try:
            return self._gate.stamps()
        except FileNotFoundError:
            # The instance was stopped.
            return None
