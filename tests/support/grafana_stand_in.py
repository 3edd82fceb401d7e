"""A stand-in for Grafana's HTTP API that takes the documented calls and refuses all others.

https://grafana.com/docs/grafana/latest/developers/http_api/dashboard/ and .../folder/. What is
not documented for a call (a header that is missing, a key of the body that is unknown) is a
`complaint`, answered 400: no real Grafana is here to say what it would do.
"""

import json
import re
import ssl
import threading
import urllib.parse
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from support.certificates import Certificate

TOKEN = "glsa_x-1"
_UID = re.compile(r"[a-zA-Z0-9_-]{1,40}")


@dataclass
class GrafanaStandIn:
    """What is stored, what was called, and what is answered instead."""

    url: str = ""
    token: str = TOKEN
    # Of its address, such as /grafana.
    sub_path: str = ""
    folders: dict[str, str] = field(default_factory=dict)
    # By UID: as it was saved, its folder's UID, its version, and whether it is from a file.
    boards: dict[str, dict[str, Any]] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)
    messages: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)
    # "METHOD /path" -> status, headers, body: answered in place of the stand-in's own.
    instead: dict[str, tuple[int, Mapping[str, str], bytes]] = field(default_factory=dict)

    def answer(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes
    ) -> tuple[int, Mapping[str, str], bytes]:
        parts = urllib.parse.urlsplit(path)
        self.calls.append(f"{method} {parts.path}")
        if forced := self.instead.get(f"{method} {parts.path}"):
            return forced
        if headers.get("Authorization") != f"Bearer {self.token}":
            return _json(401, {"message": "Invalid API key"})
        if wrong := _wrong_headers(method, headers):
            return self._complain(wrong)
        below = parts.path.removeprefix(f"{self.sub_path}/api")
        query = dict(urllib.parse.parse_qsl(parts.query))
        match method, below.split("/")[1:]:
            case "GET", ["folders"]:
                return self._list_folders(query)
            case "POST", ["folders"]:
                return self._make_folder(json.loads(body))
            case "GET", ["dashboards", "uid", uid]:
                return self._show_board(uid)
            case "POST", ["dashboards", "db"]:
                return self._save_board(json.loads(body))
        return self._complain(f"no such call: {method} {parts.path}")

    def _complain(self, wrong: str) -> tuple[int, Mapping[str, str], bytes]:
        self.complaints.append(wrong)
        return _json(400, {"message": wrong})

    def _list_folders(self, query: Mapping[str, str]) -> tuple[int, Mapping[str, str], bytes]:
        if unknown := query.keys() - {"limit", "page", "parentUid"}:
            return self._complain(f"unknown parameters: {unknown}")
        limit, page = int(query.get("limit", 1000)), int(query.get("page", 1))
        listed = [{"id": n, "uid": u, "title": t} for n, (u, t) in enumerate(self.folders.items())]
        return _json(200, listed[limit * (page - 1) : limit * page])

    def _make_folder(self, body: Any) -> tuple[int, Mapping[str, str], bytes]:
        if not body.get("title") or body.keys() - {"uid", "title", "parentUid"}:
            return self._complain(f"no body of a folder: {body}")
        uid = body.get("uid", f"made-{len(self.folders)}")
        if not _UID.fullmatch(uid):
            return self._complain(f"no uid: {uid}")
        if uid in self.folders:
            return _json(409, {"message": "folder already exists", "status": "name-exists"})
        self.folders[uid] = body["title"]
        return _json(200, {"id": len(self.folders), "uid": uid, "title": body["title"]})

    def _show_board(self, uid: str) -> tuple[int, Mapping[str, str], bytes]:
        if (saved := self.boards.get(uid)) is None:
            return _json(404, {"message": "Dashboard not found"})
        dashboard = {**saved["dashboard"], "id": 7, "version": saved["version"]}
        meta = {
            "folderUid": saved["folder"],
            "url": f"/d/{uid}/x",
            "provisioned": saved.get("provisioned", False),
            "provisionedExternalId": "a.json" if saved.get("provisioned") else "",
        }
        return _json(200, {"dashboard": dashboard, "meta": meta})

    def _save_board(self, body: Any) -> tuple[int, Mapping[str, str], bytes]:
        expected = {"dashboard", "folderUid", "message", "overwrite"}
        if body.keys() != expected or not isinstance(body["overwrite"], bool):
            return self._complain(f"no body of a dashboard: {sorted(body)}")
        dashboard, folder = body["dashboard"], body["folderUid"]
        if dashboard.get("id", 0) is not None or not dashboard.get("title"):
            return self._complain("a dashboard has a title, and id null: it is known by its uid")
        if not _UID.fullmatch(dashboard.get("uid") or ""):
            return self._complain(f"no uid: {dashboard.get('uid')}")
        if folder not in self.folders:
            return _json(400, {"message": "folder not found"})
        if len(body["message"]) > 500:
            return _json(400, {"message": "message too long, max 500 characters"})
        before = self.boards.get(dashboard["uid"])
        if before and before.get("provisioned"):
            return _json(400, {"message": "Cannot save provisioned dashboard"})
        if before and not body["overwrite"]:
            return _json(412, {"message": "changed by someone else", "status": "version-mismatch"})
        version = before["version"] + 1 if before else 1
        kept = {key: value for key, value in dashboard.items() if key not in ("id", "version")}
        self.boards[dashboard["uid"]] = {"dashboard": kept, "folder": folder, "version": version}
        self.messages.append(body["message"])
        done = {"id": 7, "uid": dashboard["uid"], "status": "success", "version": version}
        return _json(200, {**done, "url": f"/d/{dashboard['uid']}/x", "slug": "x"})


@contextmanager
def grafana(certificate: Certificate | None = None, sub_path: str = "") -> Iterator[GrafanaStandIn]:
    """One that listens on the loopback, with TLS where a certificate is given."""
    stand_in = GrafanaStandIn(sub_path=sub_path)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._do("GET")

        def do_POST(self) -> None:
            self._do("POST")

        def _do(self, method: str) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            status, headers, content = stand_in.answer(
                method, self.path, dict(self.headers.items()), body
            )
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    scheme = "http"
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate.certificate, certificate.key)
        server.socket = context.wrap_socket(server.socket, server_side=True)
        scheme = "https"
    stand_in.url = f"{scheme}://127.0.0.1:{server.server_address[1]}{sub_path}"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield stand_in
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _wrong_headers(method: str, headers: Mapping[str, str]) -> str:
    if headers.get("Accept") != "application/json":
        return "no Accept: application/json"
    if method == "POST" and headers.get("Content-Type") != "application/json":
        return "no Content-Type: application/json"
    return ""


def _json(status: int, data: Any) -> tuple[int, Mapping[str, str], bytes]:
    return status, {"Content-Type": "application/json; charset=UTF-8"}, json.dumps(data).encode()
