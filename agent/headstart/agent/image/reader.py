"""What an image is: its sizes by part, its base, and what kind of program it starts.

Nothing here may fail a run: what cannot be found out is a note in the facts.
"""

import logging
from collections.abc import Callable, Collection, Generator, Mapping
from contextlib import closing
from dataclasses import dataclass
from typing import Any

from headstart.agent.engine.engine import ContainerSpec, Engine
from headstart.agent.image.base_image import SCRATCH, Base, found_base, named_base
from headstart.agent.image.binary import Program, recognise
from headstart.agent.image.cache import ImageCache, key_of
from headstart.agent.image.image_files import ImageFiles
from headstart.agent.image.saved import SavedLayer, read_saved
from headstart.agent.image.sizes import looks_like_scratch, own_bytes
from headstart.agent.image.tar_stream import Budget, TarFault
from headstart.agent.image.tree import Tree, text_of
from headstart.agent.instances import NAME_PREFIX, RuntimeFault
from headstart.v1.records_pb2 import BaseSource, ImageFacts, Layer, PullBasis, ResolvedVariant

log = logging.getLogger(__name__)

# The engine's least, for a container that is never started.
_MEMORY_BYTES = 6 << 20
_PIDS = 4
_STEP_CHARACTERS = 400


@dataclass(frozen=True)
class ImageReader:
    """Reads images of one engine; `labels` are put on the containers made for it."""

    engine: Engine
    cache: ImageCache
    labels: Mapping[str, str]
    cancelled: Callable[[], bool] = lambda: False

    def facts(self, variant: ResolvedVariant, base: str, others: Collection[str]) -> ImageFacts:
        """Of the image that the variant was resolved to; `others`: images that the run compares.

        `base`: what the experiment names as the base; empty: nothing.
        """
        image = self.engine.image(variant.digest) or {}
        digests: list[str] = (image.get("RootFS") or {}).get("Layers") or []
        program = Program(
            variant.argv, variant.environment.get("PATH", ""), variant.working_directory
        )
        key = key_of(variant.digest, program)
        facts = self.cache.load(key)
        if facts is None:
            try:
                facts = self._read(variant, program)
                self.cache.store(key, facts)
            except (TarFault, RuntimeFault, OSError) as error:
                log.warning("image of %s: %s", variant.variant, error)
                facts = self._by_history(variant.digest, image)
                facts.notes.append(f"the image could not be read: {error}")
        facts.variant = variant.variant
        facts.digest = variant.digest
        try:
            self._add_base(facts, digests, base, others)
        except RuntimeFault as fault:
            facts.notes.append(f"its base could not be looked for: {fault.message}")
        return facts

    def _read(self, variant: ResolvedVariant, program: Program) -> ImageFacts:
        budget = Budget(cancelled=self.cancelled)
        pulls = self.cache.layer_pulls()
        with closing(self.engine.save(variant.digest)) as pieces:
            layers = read_saved(pieces, budget, pulls)
        estimated = {layer.name: layer.pull_bytes for layer in layers if not layer.stored}
        self.cache.store_layer_pulls(pulls | estimated)
        tree = Tree(budget.step)
        for layer in layers:
            tree.add_layer(layer.entries)
        facts = _sizes(layers)
        name = f"{NAME_PREFIX}image-{variant.digest.removeprefix('sha256:')[:12]}"
        with closing(_Container(self, name, variant.digest)) as container:
            binary = recognise(ImageFiles(tree, container.file, budget), program)
        facts.binary_kind = binary.kind
        facts.binary_path = text_of(binary.path)
        facts.binary_detail = text_of(binary.detail)
        if binary.problem:
            problem = text_of(binary.problem)
            facts.notes.append(f"what kind of program it starts is not known: {problem}")
        facts.own_bytes, facts.symbol_bytes = own_bytes(tree, binary, program.working_directory)
        if looks_like_scratch(tree):
            facts.base = SCRATCH
            facts.base_source = BaseSource.BASE_SOURCE_ASSUMED_SCRATCH
        return facts

    def _by_history(self, digest: str, image: dict[str, Any]) -> ImageFacts:
        """What the engine tells without giving the image out; layers without a digest.

        The history does not say which of its steps without bytes made a layer.
        """
        try:
            steps = [step for step in self.engine.history(digest) if step["Size"]]
        except RuntimeFault:
            return ImageFacts(unpacked_bytes=int(image.get("Size") or 0))
        layers = [
            Layer(bytes=step["Size"], created_by=text_of(step["CreatedBy"][:_STEP_CHARACTERS]))
            for step in steps
        ]
        return ImageFacts(unpacked_bytes=sum(layer.bytes for layer in layers), layers=layers)

    def _add_base(
        self, facts: ImageFacts, digests: list[str], named: str, others: Collection[str]
    ) -> None:
        base = Base()
        if named:
            base = named_base(self.engine, digests, named)
        if base.problem:
            facts.notes.append(base.problem)
        elif not named:
            base = found_base(self.engine, digests, others)
        if base.name:
            facts.base, facts.base_source, facts.base_layers = base.name, base.source, base.layers
        elif named:
            facts.base, facts.base_source = "", BaseSource.BASE_SOURCE_UNSPECIFIED
        if facts.base and (len(facts.layers) == len(digests) or not facts.base_layers):
            above = facts.layers[facts.base_layers :]
            facts.above_base_bytes = sum(layer.bytes for layer in above)
        elif facts.base:
            facts.base, facts.base_layers = "", 0
            facts.base_source = BaseSource.BASE_SOURCE_UNSPECIFIED


def _sizes(layers: list[SavedLayer]) -> ImageFacts:
    stored = bool(layers) and all(layer.stored for layer in layers)
    basis = PullBasis.PULL_BASIS_STORED if stored else PullBasis.PULL_BASIS_ESTIMATED
    return ImageFacts(
        unpacked_bytes=sum(layer.bytes for layer in layers),
        pull_bytes=sum(layer.pull_bytes for layer in layers),
        pull_basis=basis,
        layers=[
            Layer(
                digest=layer.digest,
                bytes=layer.bytes,
                pull_bytes=layer.pull_bytes,
                created_by=text_of(layer.created_by[:_STEP_CHARACTERS]),
            )
            for layer in layers
        ],
    )


class _Container:
    """Made when the first file is asked for, never started, removed by `close`."""

    def __init__(self, reader: ImageReader, name: str, image: str) -> None:
        self._engine = reader.engine
        self._spec = ContainerSpec(
            name=name,
            image=image,
            argv=["/"],
            labels=reader.labels,
            network="none",
            memory_bytes=_MEMORY_BYTES,
            pids=_PIDS,
        )
        self._made = ""

    def file(self, path: str) -> Generator[bytes, None, None]:
        if not self._made:
            self._made = self._engine.create(self._spec)
        return self._engine.file(self._made, path)

    def close(self) -> None:
        if self._made:
            self._engine.remove(self._made, self._spec.name)
