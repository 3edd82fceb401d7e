"""gRPC's own library says nothing of connections that end as they should."""

import os
import subprocess
import sys

# Begins as the command does, then has an idle connection closed by its server.
_IDLE = """
import asyncio, contextlib, sys
from headstart.cli.entry import main
sys.argv = ["headstart", "--version"]
with contextlib.suppress(SystemExit):
    main()
import grpc, grpc.aio

class Echo(grpc.GenericRpcHandler):
    def service(self, details):
        async def answer(request, context):
            return request
        return grpc.unary_unary_rpc_method_handler(answer)

async def idle():
    server = grpc.aio.server(options=[("grpc.max_connection_idle_ms", 200)])
    server.add_generic_rpc_handlers((Echo(),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        await channel.unary_unary("/a/b")(b"")
        while channel.get_state() is grpc.ChannelConnectivity.READY:
            await channel.wait_for_state_change(grpc.ChannelConnectivity.READY)
    await server.stop(0)

asyncio.run(idle())
"""


def test_a_connection_that_was_idle_ends_without_a_word() -> None:
    environment = {k: v for k, v in os.environ.items() if not k.startswith("GRPC_")}
    done = subprocess.run(
        [sys.executable, "-c", _IDLE],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )

    assert done.stdout.startswith("headstart")
    assert done.stderr == ""
