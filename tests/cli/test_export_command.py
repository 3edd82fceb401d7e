"""`headstart export` against a collector with recorded runs."""

from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from headstart.collector.config import CollectorConfig
from support.collector_process import CollectorProcess, collector_process
from support.fake_runs import small
from support.recorded import recorded
from support.running import free_port, headstart


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[CollectorProcess, list[str]]]:
    """A collector that has a run of two blocks and one that was told nothing of."""
    data = tmp_path_factory.mktemp("collector")
    run_ids = recorded(data, small().experiment(), small(blocks=2).records(), [])
    with collector_process(CollectorConfig(data=data)) as collector:
        yield collector, run_ids


def at(collector: CollectorProcess) -> tuple[str, str, str]:
    return "--plaintext", "--collector", f"127.0.0.1:{collector.port}"


def test_all_tables_are_written_under_the_full_id(
    tmp_path: Path, runs: tuple[CollectorProcess, list[str]]
) -> None:
    collector, (run_id, _) = runs
    folder = tmp_path / "new" / "folder"
    ran = headstart("export", run_id[:-1], "--output", folder, *at(collector))
    names = [f"{run_id}.{table}.parquet" for table in ("samples", "trials", "windows")]

    assert ran.status == 0, ran.errors
    assert sorted(path.name for path in folder.iterdir()) == names
    assert pq.read_table(folder / names[1]).num_rows == 4
    assert names[1] in ran.errors


def test_one_table_may_be_chosen_and_replaces_what_is_there(
    tmp_path: Path, runs: tuple[CollectorProcess, list[str]]
) -> None:
    collector, (run_id, _) = runs
    path = tmp_path / f"{run_id}.trials.parquet"
    path.write_text("an older one")
    ran = headstart("export", run_id, "-o", tmp_path, "--table", "trials", *at(collector))

    assert ran.status == 0, ran.errors
    assert list(tmp_path.iterdir()) == [path]
    assert pq.read_table(path).num_rows == 4


def test_nothing_is_written_of_what_cannot_be_exported(
    tmp_path: Path, runs: tuple[CollectorProcess, list[str]]
) -> None:
    collector, (_, empty) = runs
    nothing = headstart("export", empty, "-o", tmp_path, *at(collector))
    unknown = headstart("export", "zz", "-o", tmp_path, *at(collector))

    assert (nothing.status, unknown.status) == (2, 2)
    assert "there is nothing to export" in nothing.errors
    assert "there is no run 'zz'" in unknown.errors
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_made_and_a_collector_that_is_not_there_are_told(
    tmp_path: Path, runs: tuple[CollectorProcess, list[str]]
) -> None:
    collector, (run_id, _) = runs
    (tmp_path / "file").touch()
    folder = headstart("export", run_id, "-o", tmp_path / "file" / "sub", *at(collector))
    nowhere = ("--plaintext", "--collector", f"127.0.0.1:{free_port()}")
    absent = headstart("export", run_id, *nowhere)

    assert folder.status == 2
    assert str(tmp_path / "file") in folder.errors
    assert absent.status == 3
    assert "no collector answers" in absent.errors


def test_help_says_what_is_written() -> None:
    ran = headstart("export", "--help")

    assert ran.status == 0
    for word in ("RUN_ID.trials.parquet", "--table", "--collector", "pyarrow"):
        assert word in ran.output
