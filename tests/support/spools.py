"""A spool that remembers what it was given."""

from pathlib import Path

import zstandard

from headstart.agent.uplink.spool import Spool
from headstart.v1.records_pb2 import Encoding, Envelope, Record


class KeptSpool(Spool):
    """Its records, opened, in order."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(exist_ok=True)
        super().__init__(folder)
        self.records: list[Record] = []

    def append(self, envelope: Envelope) -> bool:
        plain = envelope.encoding == Encoding.ENCODING_PLAIN
        payload = envelope.payload if plain else zstandard.decompress(envelope.payload)
        self.records.append(Record.FromString(payload))
        return super().append(envelope)
