"""What agents, commands and stores of before have sent or kept means today what it meant then.

A field that changes its number or type is misread in silence. A line of the file is never changed
or taken away: a field that is no longer used stays, with a comment that says since when.
"""

from support.protocol import FILE, lines


def test_whatever_was_on_the_wire_means_the_same() -> None:
    then, now = FILE.read_text().splitlines(), set(lines())

    assert [line for line in then if line not in now] == []
    assert len(then) > 500
