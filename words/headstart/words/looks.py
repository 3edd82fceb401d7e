"""When a run with `blocks: auto` is looked at: the collector decides, and both parts plan by it."""

# No run stops before its pilot, but where there is nothing to compare.
PILOT_BLOCKS = 5
# A run ends at one of these, or where its plan's own maximum is.
LOOKS = (10, 15, 20, 30)
