"""A batch program for tests: `batch_program.py BEHAVIOUR COMMAND [NUMBER]`.

The behaviour is the variant's, the command what any of them can be asked to do.
"""

import sys
import time


def main() -> None:
    behaviour, command, *rest = sys.argv[1:]
    number = int(rest[0]) if rest else 0
    if command == "--version":
        print("batch program 1.2")
        sys.exit(5 if behaviour == "no-start" else 0)
    if command == "sum":
        if behaviour == "fails":
            print("no such table", file=sys.stderr)
            sys.exit(4)
        if behaviour == "hangs":
            time.sleep(600)
        if behaviour == "eats":
            held = bytearray(256 << 20)
            held[::4096] = bytes(len(held) // 4096)
        if behaviour == "slow":
            until = time.process_time() + 0.2
            while time.process_time() < until:
                pass
        total = sum(range(number))
        print(total + 1 if behaviour == "wrong" else total)
    if command == "write":
        line = b"x" * 1023 + b"\n"
        for _ in range(number):
            sys.stdout.buffer.write(line)


main()
