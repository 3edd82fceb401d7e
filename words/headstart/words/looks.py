"""When a run with `blocks: auto` is looked at: the collector decides, and both parts plan by it."""

# No run stops before its pilot, but where there is nothing to compare.
PILOT_BLOCKS = 5
# A run ends at one of these, or where its plan's own maximum is.
LOOKS = (10, 15, 20, 30)


def cap_of(maximum_blocks: int) -> int:
    """The most blocks of such a run, by the maximum of its plan (0: none)."""
    return min(maximum_blocks or LOOKS[-1], LOOKS[-1])


def until_look(done: int, maximum_blocks: int) -> int | None:
    """After how many blocks verdicts are next looked at; None: now."""
    cap = cap_of(maximum_blocks)
    if done >= cap or done == PILOT_BLOCKS or done in LOOKS:
        return None
    return min(next(look for look in LOOKS if look > done), cap)


def waiting(look: int) -> str:
    """Why a run goes on that is not looked at, as the end of a sentence."""
    return f"verdicts are next looked at after {look} blocks"
