"""Boards pushed into a Grafana: the documented calls, no more than needed, and what goes wrong."""

import json
import socket
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from headstart.cli.main import cli
from headstart.dashboards.generate import dashboards
from support.certificates import self_signed
from support.grafana_stand_in import TOKEN, GrafanaStandIn, grafana

TITLES = [board["title"] for board in dashboards()]
UIDS = [board["uid"] for board in dashboards()]
READS = ["GET /api/folders", *(f"GET /api/dashboards/uid/{uid}" for uid in UIDS)]


@pytest.fixture
def there() -> Iterator[GrafanaStandIn]:
    with grafana() as stand_in:
        yield stand_in
        assert stand_in.complaints == []


def pushed(there: GrafanaStandIn, *more: str, token: str = TOKEN) -> Result:
    """What the command says; faults come out as its exception."""
    arguments = ["dashboards", "push", "--grafana", there.url, *more]
    return CliRunner().invoke(cli, arguments, env={"HEADSTART_GRAFANA_TOKEN": token})


def refused(result: Result) -> tuple[int, str]:
    """The exit code and the words of a command that failed."""
    assert result.exception is not None
    return int(result.exception.exit_code), str(result.exception)  # type: ignore[attr-defined]


def test_boards_come_into_a_folder_that_is_made(there: GrafanaStandIn) -> None:
    result = pushed(there)

    assert result.output.splitlines() == [
        "created: folder Headstart",
        *(
            f"created: {title}, {there.url}/d/{uid}"
            for title, uid in zip(TITLES, UIDS, strict=True)
        ),
    ]
    assert there.folders == {"headstart": "Headstart"}
    assert [there.boards[board["uid"]]["dashboard"] for board in dashboards()] == dashboards()
    assert {board["folder"] for board in there.boards.values()} == {"headstart"}
    assert all(message.startswith("headstart ") for message in there.messages)


def test_a_second_push_changes_nothing_and_says_so(there: GrafanaStandIn) -> None:
    pushed(there)
    there.calls.clear()

    result = pushed(there)

    assert result.output.splitlines()[-1] == "nothing changed"
    assert all(line.startswith("unchanged: ") for line in result.output.splitlines()[:-1])
    assert there.calls == READS
    assert {board["version"] for board in there.boards.values()} == {1}


def test_only_what_differs_is_updated(there: GrafanaStandIn) -> None:
    pushed(there)
    there.boards[UIDS[0]]["dashboard"]["panels"].pop()

    words = [line.split(":")[0] for line in pushed(there).output.splitlines()]

    assert words == ["updated", *["unchanged"] * (len(UIDS) - 1)]
    assert there.boards[UIDS[0]]["dashboard"] == dashboards()[0]
    assert there.boards[UIDS[0]]["version"] == 2


def test_defaults_that_grafana_adds_are_no_difference(there: GrafanaStandIn) -> None:
    pushed(there)
    for saved in there.boards.values():
        saved["dashboard"]["weekStart"] = ""
        saved["dashboard"]["panels"][0]["pluginVersion"] = "12.0.0"

    assert pushed(there).output.splitlines()[-1] == "nothing changed"


def test_a_board_in_another_folder_is_moved(there: GrafanaStandIn) -> None:
    pushed(there)

    result = pushed(there, "--folder", "Team A / Runtimes")

    assert result.output.startswith("created: folder Team A / Runtimes\nupdated: ")
    assert there.folders["team-a-runtimes"] == "Team A / Runtimes"
    assert {board["folder"] for board in there.boards.values()} == {"team-a-runtimes"}


def test_a_folder_that_is_there_is_used_by_its_title_or_uid(there: GrafanaStandIn) -> None:
    there.folders.update({f"f{n}": f"Folder {n}" for n in range(1500)})

    pushed(there, "--folder", "Folder 1400")
    by_title = {board["folder"] for board in there.boards.values()}
    pushed(there, "--folder", "f7")

    assert by_title == {"f1400"}
    assert {board["folder"] for board in there.boards.values()} == {"f7"}
    assert len(there.folders) == 1500


def test_of_two_folders_of_one_title_the_uid_is_asked_for(there: GrafanaStandIn) -> None:
    there.folders.update({"a": "Headstart", "b": "Headstart"})

    code, words = refused(pushed(there))

    assert (code, words) == (2, "several folders are named Headstart: say which by its UID (a, b)")


def test_a_dry_run_says_what_would_be_done_and_does_nothing(there: GrafanaStandIn) -> None:
    result = pushed(there, "--dry-run")

    assert result.output.splitlines()[:2] == [
        "would be created: folder Headstart",
        f"would be created: {TITLES[0]}, {there.url}/d/{UIDS[0]}",
    ]
    assert (there.folders, there.boards) == ({}, {})
    assert there.calls == READS

    pushed(there)
    assert pushed(there, "--dry-run").output.splitlines()[-1] == "nothing would change"


def test_a_board_from_a_file_is_left_to_that_file(there: GrafanaStandIn) -> None:
    pushed(there)
    there.boards[UIDS[0]]["provisioned"] = True

    code, words = refused(pushed(there))

    assert code == 2
    assert f"{TITLES[0]} is provisioned from a file in that Grafana (a.json)" in words


def test_a_configuration_names_address_and_folder(there: GrafanaStandIn, tmp_path: Path) -> None:
    config = tmp_path / "observability.toml"
    config.write_text(
        f'[external_url]\ngrafana = "{there.url}/"\n[grafana]\nfolder = "Lab"\n'
        "[scrape]\nselector = 'job=\"lab\"'\n"
    )

    result = CliRunner().invoke(
        cli,
        ["dashboards", "push", "--config", str(config)],
        env={"HEADSTART_GRAFANA_TOKEN": TOKEN},
    )

    assert result.output.startswith("created: folder Lab\n")
    assert 'job=\\"lab\\"' in json.dumps(there.boards[UIDS[0]])


@pytest.mark.parametrize(
    ("call", "status", "headers", "body", "code", "words"),
    [
        ("GET /api/folders", 403, {}, b'{"message": "Access denied"}', 2,
         "(403: Access denied); it needs the role Editor, or the permissions folders:read"),
        ("POST /api/folders", 403, {}, b"", 2, "may not do that: POST /api/folders (403: without"),
        ("GET /api/folders", 404, {}, b"<html>", 2, "something other than JSON: is it Grafana's"),
        ("GET /api/folders", 404, {}, b"{}", 2, "answers 404 and is no Grafana"),
        ("GET /api/folders", 200, {}, b"<html>", 2, "something other than JSON"),
        ("GET /api/folders", 200, {}, b"{}", 2, "has no list of folders"),
        ("GET /api/folders", 200, {}, b'[{"uid": 7}]', 3, "an answer without 'uid'"),
        ("GET /api/folders", 302, {"Location": "https://sso.example/login"}, b"", 2,
         "redirects to https://sso.example/login: name Grafana's own address"),
        ("POST /api/folders", 409, {}, b'{"message": "exists"}', 2,
         "POST /api/folders is against what is in that Grafana (409: exists)"),
        (f"GET /api/dashboards/uid/{UIDS[0]}", 200, {}, b"{}", 3, "an answer without 'meta'"),
        ("POST /api/dashboards/db", 412, {},
         b'{"message": "belongs to plugin", "status": "plugin-dashboard"}', 2,
         "(412: belongs to plugin [plugin-dashboard])"),
        ("POST /api/dashboards/db", 400, {}, b'{"message": "too long"}', 2,
         "answers POST /api/dashboards/db with 400: too long"),
        ("POST /api/dashboards/db", 429, {"Retry-After": "7"}, b"", 3, "try again in 7 s"),
        ("POST /api/dashboards/db", 500, {}, b"database is locked", 3,
         "answers POST /api/dashboards/db with 500: database is locked"),
        ("POST /api/dashboards/db", 503, {}, b"x" * 100_000, 3, "with 503: xxx"),
    ],
)  # fmt: skip
def test_what_grafana_refuses_is_said_with_what_to_do(
    there: GrafanaStandIn,
    call: str,
    status: int,
    headers: Mapping[str, str],
    body: bytes,
    code: int,
    words: str,
) -> None:
    there.instead[call] = (status, headers, body)

    found, said = refused(pushed(there))

    assert found == code
    assert words in said
    assert len(said) < 1000


def test_a_token_that_is_not_accepted_is_named_and_not_shown(there: GrafanaStandIn) -> None:
    result = pushed(there, token="glsa_wrong")
    code, words = refused(result)

    assert (code, words) == (2, f"{there.url} does not accept the token (401: Invalid API key)")
    assert "glsa_wrong" not in result.output + words


def test_the_token_comes_from_a_file_before_the_environment(
    there: GrafanaStandIn, tmp_path: Path
) -> None:
    file = tmp_path / "token"
    file.write_text(f"{TOKEN}\n")
    file.chmod(0o600)

    result = pushed(there, "--token-file", str(file), token="glsa_wrong")

    assert result.exit_code == 0
    assert TOKEN not in result.output
    assert "warning" not in result.output

    file.chmod(0o644)
    warned = pushed(there, "--token-file", str(file))
    assert f"warning: {file}: every user here can read this token" in warned.output


def test_all_that_is_wrong_with_the_options_is_told_together(tmp_path: Path) -> None:
    empty = tmp_path / "token"
    empty.write_text("two words\n")

    code, words = refused(
        CliRunner().invoke(
            cli,
            ["dashboards", "push", "--grafana", "grafana.example", "--token-file", str(empty),
             "--ca", str(tmp_path / "none.pem")],
        )
    )  # fmt: skip

    assert code == 2
    assert words.splitlines() == [
        "--grafana: expected an address such as https://grafana.example, got 'grafana.example'",
        f"--token-file: {empty}: expected a token: one line of letters, digits and signs",
        f"--ca: {tmp_path / 'none.pem'}: No such file or directory",
    ]


def test_without_a_token_or_an_address_it_says_how_to_name_them() -> None:
    code, words = refused(CliRunner().invoke(cli, ["dashboards", "push"]))

    assert code == 2
    assert words.splitlines() == [
        "name Grafana's address by --grafana, or external_url.grafana of --config",
        "a token is needed: --token-file FILE, or HEADSTART_GRAFANA_TOKEN",
    ]


def test_a_certificate_counts_by_its_authority_or_not_at_all(tmp_path: Path) -> None:
    certificate = self_signed(tmp_path / "pki")
    with grafana(certificate, sub_path="/grafana") as there:
        code, words = refused(pushed(there))
        trusted = pushed(there, "--ca", str(certificate.certificate))
        insecure = pushed(there, "--insecure")

    assert code == 2
    assert "its certificate is not trusted (self-signed certificate): name the authority" in words
    assert trusted.output.startswith("created: folder Headstart\n")
    assert insecure.output.splitlines()[-1] == "nothing changed"


def test_a_grafana_that_is_not_there_is_a_fault_of_the_system() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        there = GrafanaStandIn(url=f"http://127.0.0.1:{closed.getsockname()[1]}")
        code, words = refused(pushed(there))

    assert (code, words) == (3, f"{there.url} cannot be reached: Connection refused")


def test_one_that_hangs_up_or_keeps_quiet_ends_the_push(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("headstart.dashboards.delivery.grafana_api._TIMEOUT_SECONDS", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as quiet:
        there = GrafanaStandIn(url=f"http://127.0.0.1:{quiet.getsockname()[1]}")
        code, words = refused(pushed(there))

    assert (code, words) == (3, f"{there.url} does not answer in time")


def test_an_answer_without_end_is_cut(
    there: GrafanaStandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("headstart.dashboards.delivery.grafana_api._LARGEST_BYTES", 1 << 20)
    there.instead["GET /api/folders"] = (200, {}, b" " * (2 << 20))

    code, words = refused(pushed(there))

    assert code == 3
    assert "it answers with more than 1048576 bytes" in words
