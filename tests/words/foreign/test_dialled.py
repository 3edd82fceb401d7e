"""What --collector takes is what gRPC dials; the rest is refused before anything is sent."""

from concurrent import futures
from pathlib import Path

import grpc
import pytest
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from headstart.agent.uplink.collector_tls import ClientTls, channel_to
from headstart.words.foreign.dialled import why_not_dialled
from support.certificates import Authority


def serve(*, secured: grpc.ServerCredentials | None = None) -> tuple[grpc.Server, int]:
    """Something that answers on both loopback addresses."""
    server = grpc.server(futures.ThreadPoolExecutor(2))
    health_pb2_grpc.add_HealthServicer_to_server(health.HealthServicer(), server)
    place = "[::]:0"
    port = server.add_secure_port(place, secured) if secured else server.add_insecure_port(place)
    server.start()
    return server, port


DIALLED = [
    "localhost:{}",
    "127.0.0.1:{}",
    "[::1]:{}",
    "[::1%lo]:{}",
    "ipv4:127.0.0.1:{}",
    "ipv6:[::1]:{}",
    "ipv6:[::1%lo]:{}",
    "dns:localhost:{}",
    "dns:///localhost:{}",
    "DNS:///localhost:{}",
    "dns:[::1]:{}",
]


@pytest.mark.ipv6
@pytest.mark.parametrize("secured", [False, True])
def test_what_is_let_through_is_dialled_with_and_without_tls(tmp_path: Path, secured: bool) -> None:
    authority = Authority(tmp_path)
    own = authority.issue("own", value="localhost,IP:127.0.0.1,IP:::1")
    pair = (own.key.read_bytes(), own.certificate.read_bytes())
    server, port = serve(secured=grpc.ssl_server_credentials([pair]) if secured else None)
    tls = ClientTls(authority.certificate) if secured else None
    try:
        for each in DIALLED:
            target = each.format(port)
            assert why_not_dialled(target) == ""
            with channel_to(target, tls) as channel:
                check = health_pb2_grpc.HealthStub(channel).Check  # type: ignore[attr-defined]
                asked = health_pb2.HealthCheckRequest()
                assert check(asked, timeout=20, wait_for_ready=True).status, target
    finally:
        server.stop(None)


@pytest.mark.parametrize(
    "target",
    [
        "collector.example:7070",
        "a_b-c:1",
        "[fe80::1%eth0]:7070",
        "[fe80::1%25eth0]:7070",
        "dns://192.0.2.1:53/c.example:7070",
        "unix:/run/x.sock",
        "unix:///run/x.sock",
        "unix:a folder/x.sock",
    ],
)
def test_what_can_be_dialled_elsewhere_is_let_through(target: str) -> None:
    assert why_not_dialled(target) == ""


@pytest.mark.parametrize(
    ("target", "why"),
    [
        ("localhost", "expected HOST:PORT, [IPV6]:PORT or unix:PATH, found 'localhost'"),
        ("::1", "expected HOST:PORT, [IPV6]:PORT"),
        ("fe80::1%eth0:7070", "expected HOST:PORT, [IPV6]:PORT"),
        ("h:0", "expected HOST:PORT"),
        ("h:65536", "expected HOST:PORT"),
        (":7070", "expected HOST:PORT"),
        ("[localhost]:7070", "expected HOST:PORT"),
        ("[127.0.0.1]:7070", "expected HOST:PORT"),
        ("[fe80::1%]:7070", "expected HOST:PORT"),
        ("a b:7070", "expected HOST:PORT"),
        ("http://c:7070", "expected HOST:PORT"),
        ("passthrough:///c:7070", "expected HOST:PORT"),
        # gRPC takes this for a scheme, and dials the host "7070" at the port of HTTPS.
        ("dns:7070", "expected one address, dns:HOST:PORT, ipv4:"),
        ("dns:///c", "expected one address, dns:HOST:PORT"),
        ("dns://192.0.2.1/c:7070", "expected one address, dns:HOST:PORT"),
        ("ipv4:c:7070", "expected one address"),
        ("ipv4://x/127.0.0.1:7070", "expected one address"),
        ("ipv4:127.0.0.1:1,127.0.0.1:2", "expected one address"),
        ("ipv6:::1:7070", "expected one address"),
        ("ipv6:[127.0.0.1]:7070", "expected one address"),
        ("bücher.example:7070", "is written xn--bcher-kva.example:7070, found 'bücher.example"),
        ("bücher bücher:7070", "expected HOST:PORT"),
        ("unix:", "expected unix:PATH, found 'unix:'"),
        ("unix://host/x.sock", "expected unix:PATH"),
        (f"unix:/{'x' * 107}", "too long for the path of a socket"),
    ],
)
def test_what_cannot_be_dialled_is_refused_with_what_was_expected(target: str, why: str) -> None:
    assert why in why_not_dialled(target)
