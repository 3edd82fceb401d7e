"""The order of a run's trials: blocks in which every variant runs once, shuffled.

Randomised multiple interleaved trials (Abedi & Brecht 2017): what drifts on a
host hits all variants of a block alike, and no variant always goes first.
"""

import random
import secrets
from collections.abc import Sequence

from headstart.v1.experiment_pb2 import Experiment


def draw_seed() -> int:
    """A seed for a run whose plan states none; 0 means "none" on the wire."""
    return secrets.randbits(63) | 1


def block_order(variants: Sequence[str], seed: int, block: int) -> list[str]:
    """The order of a block (from 1); depends on the seed and the block alone."""
    order = list(variants)
    random.Random(f"{seed}/{block}").shuffle(order)  # noqa: S311  # an order that can be replayed, not a secret
    return order


def has_load(experiment: Experiment, block: int) -> bool:
    """Whether the trials of a block are put under load.

    Load begins with the first correct response, so that the warm-up is seen;
    idle memory is therefore measured in the other blocks.
    """
    every = experiment.plan.load_every
    return experiment.HasField("load") and every > 0 and (block - 1) % every == 0
