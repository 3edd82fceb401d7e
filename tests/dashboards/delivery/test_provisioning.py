"""Files for Grafana's folder of provisioning."""

import json
from pathlib import Path
from typing import Any

import yaml
from click.testing import CliRunner

from headstart.cli.main import cli
from headstart.dashboards import Configuration
from headstart.dashboards.configuration import Grafana
from headstart.dashboards.delivery import write_provisioning
from headstart.dashboards.generate import dashboards


def loaded(path: Path) -> Any:
    return yaml.safe_load(path.read_text())


def test_the_folder_has_boards_their_provider_and_a_data_source(tmp_path: Path) -> None:
    output = tmp_path / "provisioning"

    result = CliRunner().invoke(cli, ["dashboards", "write", "-o", str(output)])

    assert result.output.splitlines() == [
        *(str(output / f"dashboards/headstart/{board['uid']}.json") for board in dashboards()),
        str(output / "dashboards/headstart.yml"),
        str(output / "datasources/headstart.yml"),
    ]
    (provider,) = loaded(output / "dashboards/headstart.yml")["providers"]
    boards = output / Path(provider["options"]["path"]).relative_to("/etc/grafana/provisioning")
    written = [json.loads(path.read_text()) for path in boards.iterdir()]
    assert sorted(b["uid"] for b in written) == sorted(b["uid"] for b in dashboards())


def test_names_and_paths_are_those_of_the_configuration(tmp_path: Path) -> None:
    configuration = Configuration(
        grafana=Grafana(
            folder="Lab: $A", provisioning="/srv/grafana", prometheus="https://prom.example"
        )
    )

    write_provisioning(tmp_path, configuration)

    (provider,) = loaded(tmp_path / "dashboards/headstart.yml")["providers"]
    (source,) = loaded(tmp_path / "datasources/headstart.yml")["datasources"]
    # Grafana makes one of two dollars; of one it would make a variable of its environment.
    assert provider["folder"] == "Lab: $$A"
    assert provider["options"]["path"] == "/srv/grafana/dashboards/headstart"
    assert (source["url"], source["jsonData"]["timeInterval"]) == ("https://prom.example", "30s")


def test_a_board_of_an_earlier_release_goes_and_those_of_others_stay(tmp_path: Path) -> None:
    boards = tmp_path / "dashboards/headstart"
    boards.mkdir(parents=True)
    (boards / "headstart-former.json").write_text("{}")
    (boards / "ours.json").write_text("{}")

    write_provisioning(tmp_path, Configuration())

    assert not (boards / "headstart-former.json").exists()
    assert (boards / "ours.json").exists()


def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "dashboards").write_text("a file")

    result = CliRunner().invoke(cli, ["dashboards", "write", "-o", str(tmp_path)])

    assert str(result.exception) == f"{tmp_path}/dashboards/headstart: Not a directory"
