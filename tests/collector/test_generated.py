"""What is generated into a document."""

from pathlib import Path

from headstart.collector.generated import with_part, write_part


def test_the_part_is_written_anew_and_the_rest_stays(tmp_path: Path) -> None:
    document = tmp_path / "document.md"
    document.write_text("before <!-- a -->old<!-- /a --> after")
    write_part(str(document), "<!-- a -->", "<!-- /a -->", "new")
    once = document.read_text()

    assert once == "before <!-- a -->\nnew\n<!-- /a --> after"
    assert with_part(once, "<!-- a -->", "<!-- /a -->", "new") == once
