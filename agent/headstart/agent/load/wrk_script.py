"""What wrk is told, in Lua, and what it tells at its end."""

from collections.abc import Sequence
from dataclasses import dataclass

# wrk 4 "corrects" its latencies for coordinated omission when it ends: for each that
# takes more than twice as long as the mean one it makes up further ones, shorter by
# one mean each. That is a guess about a load of a constant rate, which wrk does not
# apply, and it cannot be turned off. It adds from short to long and never to a value
# that it comes to afterwards, so that it can be taken back exactly, from long to short.
#
# Its histogram is an array by microseconds. Through the functions of Lua reading it
# takes quadratic time, so it is read where it is: `struct stats` of wrk's stats.h.
_DONE = """
local ffi = require("ffi")

function done(summary, latency, requests)
  local kept = ffi.cast("uint64_t **", latency)[0]
  local least, most = tonumber(kept[2]), tonumber(kept[3])
  if summary.requests > 0 and (least ~= latency.min or most ~= latency.max) then
    error("this version of wrk keeps its latencies in another form")
  end
  local counts = kept + 4
  local rounds = math.floor(summary.requests / CONNECTIONS)
  if rounds > 0 then
    local mean = math.floor(summary.duration / rounds)
    for value = most, 2 * mean, -1 do
      local count = counts[value]
      local made_up = value - mean
      while count > 0 and made_up > mean do
        counts[made_up] = counts[made_up] - count
        made_up = made_up - mean
      end
    end
  end
  local file = assert(io.open(RESULT, "w"))
  local errors = summary.errors
  file:write(string.format("%d %d %d %d %d %d %d %d\\n", summary.duration, summary.requests,
    summary.bytes, errors.status, errors.connect, errors.read, errors.write, errors.timeout))
  if summary.requests > 0 then
    for value = least, most do
      local count = tonumber(counts[value])
      if count > 0 then file:write(string.format("%d %d\\n", value, count)) end
    end
  end
  file:close()
end
"""
# wrk asks this once for each thread, unlike a global `request`.
_ONE = "wrk.format = function() return REQUESTS[1] end\n"
_MIX = """
local turn = 0

function request()
  turn = turn % #ORDER + 1
  return REQUESTS[ORDER[turn]]
end
"""


@dataclass(frozen=True)
class Totals:
    """The load as a whole, as wrk counted it. Latencies are counts by microseconds."""

    duration_us: int
    completed: int
    received_bytes: int
    # Statuses from 400 on.
    refused: int
    # Connections that could not be opened, or failed with a request on them.
    failed: int
    # Completed, but after the timeout: in no latency.
    late: int
    latencies: dict[int, int]


def script(requests: Sequence[bytes], order: Sequence[int], connections: int, result: str) -> str:
    """The script that sends these requests in this order and writes its totals to a file."""
    lines = [
        f"local CONNECTIONS = {connections}",
        f"local RESULT = {_literal(result.encode())}",
        f"local REQUESTS = {{{', '.join(map(_literal, requests))}}}",
    ]
    if len(requests) > 1:
        lines.append(f"local ORDER = {{{', '.join(str(index + 1) for index in order)}}}")
    return "\n".join(lines) + "\n" + (_MIX if len(requests) > 1 else _ONE) + _DONE


def parse_totals(text: str) -> Totals | None:
    """What the script wrote; None when that is not whole. Pure."""
    first, _, rest = text.partition("\n")
    try:
        duration, completed, received, refused, connect, read, write, late = map(int, first.split())
        pairs = (line.split() for line in rest.splitlines())
        latencies = {int(value): int(count) for value, count in pairs}
    except ValueError:
        return None
    failed = connect + read + write
    return Totals(duration, completed, received, refused, failed, late, latencies)


def _literal(data: bytes) -> str:
    """Any bytes as a string of Lua."""
    return '"' + "".join(f"\\{byte:03d}" for byte in data) + '"'
