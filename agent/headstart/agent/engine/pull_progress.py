"""What an engine says of a pull while it goes on: layers, bytes, whether anything moves.

The events are those of `docker pull` (moby, pkg/jsonmessage): a layer goes through
"Pulling fs layer", "Downloading", "Verifying Checksum", "Download complete", "Extracting" and
"Pull complete", or is there: "Already exists". Its compressed size is the total of
"Downloading" and of "Extracting"; a small layer may show only the latter. Podman tells no sizes.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

_STEPS = (
    "Pulling fs layer",
    "Downloading",
    "Verifying Checksum",
    "Download complete",
    "Extracting",
    "Pull complete",
)
_PRESENT = "Already exists"
_DIGEST = re.compile(r"Digest: (sha\d+:[0-9a-f]{64,128})")
# Far more than an engine takes (127).
_MOST_LAYERS = 4096
# Sums of them fit into what a collector believes.
_LARGEST_LAYER = 1 << 48


@dataclass
class _Layer:
    present: bool = False
    # Compressed; 0: not told.
    size: int = 0
    # The furthest step and the bytes of it.
    furthest: tuple[int, int] = (-1, 0)


@dataclass
class PullProgress:
    """A pull as far as its events tell; `take` each."""

    # Of the manifest that the registry gave; empty: not told.
    digest: str = ""
    # The engine's words; empty: nothing failed.
    error: str = ""
    _layers: dict[str, _Layer] = field(default_factory=dict)

    def take(self, event: Mapping[str, Any]) -> bool:
        """Whether something moved: a layer got further than it ever was.

        A layer that is begun again, and again, does not.
        """
        if error := event.get("error"):
            self.error = str(error)
            return False
        status, layer_id = event.get("status"), event.get("id")
        if not isinstance(status, str):
            return False
        if found := _DIGEST.fullmatch(status):
            self.digest = found[1]
            return True
        if not isinstance(layer_id, str) or status not in (*_STEPS, _PRESENT):
            return False
        if layer_id not in self._layers and len(self._layers) == _MOST_LAYERS:
            return False
        layer = self._layers.setdefault(layer_id, _Layer())
        if status == _PRESENT:
            layer.present = True
            return True
        current, total = _bytes_of(event.get("progressDetail"))
        layer.size = max(layer.size, current, total)
        before, layer.furthest = (
            layer.furthest,
            max(layer.furthest, (_STEPS.index(status), current)),
        )
        return layer.furthest > before

    @property
    def transferred_bytes(self) -> int:
        """Compressed size of the layers that were not here, as far as it was told."""
        return sum(layer.size for layer in self._layers.values() if not layer.present)

    @property
    def layers(self) -> int:
        """How many the image has, as far as it was told."""
        return len(self._layers)

    @property
    def layers_present(self) -> int:
        """Those that were here before."""
        return sum(layer.present for layer in self._layers.values())

    @property
    def layers_of_unknown_size(self) -> int:
        """Those that came, and nobody told how large they were."""
        return sum(not layer.present and not layer.size for layer in self._layers.values())


def _bytes_of(detail: object) -> tuple[int, int]:
    """Current and total; 0: not told."""
    found = detail if isinstance(detail, dict) else {}
    return _count(found.get("current")), _count(found.get("total"))


def _count(value: object) -> int:
    """Whatever a registry says of its sizes, it is a record's number."""
    return min(max(value, 0), _LARGEST_LAYER) if isinstance(value, int) else 0
