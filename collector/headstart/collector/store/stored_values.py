"""What a stored experiment keeps of secret values that its file stated: nothing, once it ran.

While a run may still be leased the store holds what runs, as it was submitted.
"""

import re

from sqlalchemy import Connection, select, update

from headstart.collector.store.tables import experiments
from headstart.v1.experiment_pb2 import Companion, Experiment
from headstart.words.containers import containers_of
from headstart.words.foreign.secrets import Masks, commands_of, http_checks, named_values

# Of a connection's `info`: the write-ahead log still has what was masked.
FORGOTTEN = "headstart-values-forgotten"
# A mask that is all of a value in YAML, which would be a list.
_BARE_MASK = re.compile(
    r"((?:^|[:,{[-])[ \t]+|[\[,])(\[masked \d+\])(?=[ \t]*(?:[,}\]]|$|[ \t]#))", re.MULTILINE
)


def _is_seeded(companion: Companion) -> bool:
    return companion.HasField("seed")


def masked_experiment(experiment: Experiment) -> Experiment | None:
    """The experiment with every secret value masked; None: it states none."""
    masks = Masks()
    for name, value in named_values(experiment):
        masks.add(name, value)
    found = Experiment()
    found.CopyFrom(experiment)
    for placed in containers_of(found):
        values = [placed.container.environment]
        if placed.container.HasField("build"):
            values.append(placed.container.build.arguments)
        for each in values:
            for name in list(each):
                each[name] = masks.value(name, each[name])
    for companion in filter(_is_seeded, found.beside):
        text = companion.seed.input.decode("utf-8", "surrogateescape")
        companion.seed.input = masks.stated(text).encode("utf-8", "surrogateescape")
    for words in commands_of(found):
        words[:] = masks.words(words)
    for check in http_checks(found):
        for header in (*check.request.headers, *check.headers):
            header.value = masks.value(header.name, header.value)
        check.request.target = masks.stated(check.request.target)
        body = check.request.body.decode("utf-8", "surrogateescape")
        check.request.body = masks.stated(body).encode("utf-8", "surrogateescape")
        check.json_subset = masks.stated(check.json_subset)
    # Masked when it came, but for a file that an earlier release took.
    source = masks.known(found.source_text)
    if source != found.source_text:
        found.source_text = _BARE_MASK.sub(r'\1"\2"', source)
    if found == experiment:
        return None
    found.values_masked = True
    return found


def forget(connection: Connection, experiment_id: int) -> None:
    """Mask the secret values of an experiment that no run is made of any more."""
    text = connection.execute(
        select(experiments.c.experiment).where(experiments.c.id == experiment_id)
    ).scalar_one()
    masked = masked_experiment(Experiment.FromString(text))
    if masked is None:
        return
    connection.execute(
        update(experiments)
        .where(experiments.c.id == experiment_id)
        .values(experiment=masked.SerializeToString(), source_text=masked.source_text)
    )
    connection.info[FORGOTTEN] = True


def is_forgotten(connection: Connection, experiment_id: int) -> bool:
    """Whether an experiment's secret values have been masked."""
    text = connection.execute(
        select(experiments.c.experiment).where(experiments.c.id == experiment_id)
    ).scalar_one()
    return Experiment.FromString(text).values_masked
