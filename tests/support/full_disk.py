"""A store whose file may not grow: SQLite's own error of a full disk, without a disk."""

from sqlalchemy import Connection


def fill_up(connection: Connection) -> None:
    """From now on nothing that needs another page is stored."""
    pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
    connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")


def free_up(connection: Connection) -> None:
    """There is room again."""
    connection.exec_driver_sql("PRAGMA max_page_count = 1073741823")
