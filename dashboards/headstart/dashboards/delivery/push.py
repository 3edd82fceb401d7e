"""Brings boards into a folder of a Grafana: what is there and the same stays untouched."""

import re
import urllib.parse
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from headstart.dashboards.delivery.grafana_api import GrafanaApi, GrafanaFault

# Grafana counts these itself.
_COUNTED = ("id", "version")
_FOLDERS_A_PAGE = 1_000
_MOST_PAGES = 50


@dataclass(frozen=True)
class Step:
    """What was done, or with a dry run would be, with one folder or board."""

    done: str
    what: str
    url: str = ""


def push(
    grafana: GrafanaApi,
    boards: Sequence[Mapping[str, Any]],
    folder: str,
    *,
    message: str,
    dry_run: bool = False,
) -> Iterator[Step]:
    """Creates or updates what differs, one step after the other. Raises GrafanaFault.

    `folder` is a title or a UID; one that is missing is made. `message` is for the version
    history of the boards.
    """
    folder_uid = _folder_uid(grafana, folder)
    if folder_uid is None:
        if not dry_run:
            folder_uid = _made_folder(grafana, folder)
        yield Step("created", f"folder {folder}")
    for board in boards:
        done = _difference(grafana, board, folder_uid)
        if done != "unchanged" and not dry_run:
            body = {
                "dashboard": {**board, "id": None},
                "folderUid": folder_uid,
                "message": message,
                "overwrite": True,
            }
            _text(grafana, grafana.post("/api/dashboards/db", body), "uid")
        yield Step(done, board["title"], f"{grafana.url}/d/{board['uid']}")


def _folder_uid(grafana: GrafanaApi, folder: str) -> str | None:
    """Of the folder with this UID, else with this title; None: there is none."""
    found: list[str] = []
    for page in range(1, _MOST_PAGES + 1):
        folders = grafana.get(f"/api/folders?limit={_FOLDERS_A_PAGE}&page={page}")
        if not isinstance(folders, list):
            raise GrafanaFault(f"{grafana.url} has no list of folders: is it Grafana?", given=True)
        for each in folders:
            uid, title = _text(grafana, each, "uid"), _text(grafana, each, "title")
            if uid == folder:
                return uid
            found += [uid] if title == folder else []
        if len(folders) < _FOLDERS_A_PAGE:
            break
    if len(found) > 1:
        raise GrafanaFault(
            f"several folders are named {folder}: say which by its UID ({', '.join(found)})",
            given=True,
        )
    return found[0] if found else None


def _made_folder(grafana: GrafanaApi, title: str) -> str:
    # A UID of ours, so that of two pushes at once the second is refused, not doubled.
    uid = re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")[:40]
    answer = grafana.post("/api/folders", {"title": title, **({"uid": uid} if uid else {})})
    return _text(grafana, answer, "uid")


def _difference(grafana: GrafanaApi, board: Mapping[str, Any], folder_uid: str | None) -> str:
    there = grafana.get(f"/api/dashboards/uid/{urllib.parse.quote(board['uid'], safe='')}")
    if there is None:
        return "created"
    about, now = (_object(grafana, there, key) for key in ("meta", "dashboard"))
    if about.get("provisioned"):
        raise GrafanaFault(
            f"{board['title']} is provisioned from a file in that Grafana "
            f"({about.get('provisionedExternalId') or 'which one, it does not say'}), which "
            "therefore takes no other: deliver it as a file too, or remove that one first",
            given=True,
        )
    wanted = {key: value for key, value in board.items() if key not in _COUNTED}
    same = about.get("folderUid") == folder_uid and _holds(now, wanted)
    return "unchanged" if same else "updated"


def _object(grafana: GrafanaApi, answer: Any, key: str) -> Mapping[str, Any]:
    found = answer.get(key) if isinstance(answer, dict) else None
    if not isinstance(found, dict):
        raise GrafanaFault(f"{grafana.url}: an answer without '{key}'", given=False)
    return found


def _text(grafana: GrafanaApi, answer: Any, key: str) -> str:
    found = answer.get(key) if isinstance(answer, dict) else None
    if not isinstance(found, str):
        raise GrafanaFault(f"{grafana.url}: an answer without '{key}'", given=False)
    return found


def _holds(theirs: Any, ours: Any) -> bool:
    """Whether all of ours is there. Grafana may add defaults to objects, and nothing to lists."""
    if isinstance(ours, dict):
        return isinstance(theirs, dict) and all(
            (value is None and key not in theirs) or (key in theirs and _holds(theirs[key], value))
            for key, value in ours.items()
        )
    if isinstance(ours, list):
        return (
            isinstance(theirs, list)
            and len(theirs) == len(ours)
            and all(_holds(a, b) for a, b in zip(theirs, ours, strict=True))
        )
    return bool(theirs == ours)
