"""Small programs to measure, as child processes that obey line by line."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

PUPPET = '''
import mmap, os, subprocess, sys, threading, time
held, children = [], []

def burn(seconds):
    began = time.thread_time()
    while time.thread_time() - began < seconds:
        pass

def touch(mebibytes):
    area = mmap.mmap(-1, mebibytes << 20, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    area.madvise(mmap.MADV_NOHUGEPAGE)
    for offset in range(0, len(area), 4096):
        area[offset] = 1
    held.append(area)

def work(seconds):
    """Work done per second of CPU time."""
    until, cpu, done = time.perf_counter() + seconds, time.thread_time(), 0
    while time.perf_counter() < until:
        sum(range(2000))
        done += 1
    return done / (time.thread_time() - cpu)

def child(seconds):
    code = f"while time.process_time() < {seconds}: pass"
    code = f"import sys, time\\n{code}\\nprint(1, flush=True); sys.stdin.read()"
    process = subprocess.Popen([sys.executable, "-c", code], stdin=-1, stdout=-1)
    process.stdout.readline()
    children.append(process)
    return process.pid

def reap():
    for process in children:
        process.kill()
        process.wait()

def threads(number):
    for _ in range(number):
        threading.Thread(target=time.sleep, args=(600,), daemon=True).start()

def free():
    while held:
        held.pop().close()

def become(code):
    os.execv(sys.executable, [sys.executable, "-c", code])

print("ready", flush=True)
for line in sys.stdin:
    print(eval(line), flush=True)
'''


class Puppet:
    """A Python process that evaluates what it is told."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self.pid = process.pid
        self._process = process
        assert process.stdin is not None
        assert process.stdout is not None
        self._stdin: IO[str] = process.stdin
        self._stdout: IO[str] = process.stdout

    def tell(self, expression: str) -> str:
        """Its answer."""
        self._stdin.write(expression + "\n")
        self._stdin.flush()
        return self._stdout.readline().strip()

    def kill(self) -> None:
        """Kill and reap it."""
        self._process.kill()
        self._process.wait()


@contextmanager
def puppet() -> Iterator[Puppet]:
    """A puppet that is up; killed at the end."""
    with subprocess.Popen(
        [sys.executable, "-c", PUPPET], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        doll = Puppet(process)
        try:
            assert doll._stdout.readline() == "ready\n"
            yield doll
        finally:
            process.kill()
