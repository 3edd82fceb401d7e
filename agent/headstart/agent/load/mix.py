"""The requests of a load, and in which order they are sent."""

from math import gcd

from headstart.v1.experiment_pb2 import Load

# Weights of 1 and 100,000 are allowed; an order of that length helps nobody.
_LONGEST_ORDER = 10_000


def order(load: Load) -> list[int]:
    """Indices into `load.requests`, to be repeated: each as often as its weight says.

    Spread evenly (smooth weighted round robin, as in nginx), so that every window
    sees the same mix. A weight of 0 counts as 1.
    """
    weights = [max(1, request.weight) for request in load.requests]
    total = sum(weights)
    if (length := total // gcd(*weights)) > _LONGEST_ORDER:
        length = _LONGEST_ORDER
    # Whoever lags most behind its share is next.
    sent = [0] * len(weights)
    indices = []
    for turn in range(1, length + 1):
        lag = [weight * turn / total - n for weight, n in zip(weights, sent, strict=True)]
        index = lag.index(max(lag))
        sent[index] += 1
        indices.append(index)
    return indices
