"""The types of the tables' columns: on PostgreSQL text sorts by its bytes, as on SQLite.

PostgreSQL holds values to what a column says, SQLite does not. So a length is a note for readers,
there as here, and whole numbers have 63 bits: whatever is foreign is bounded where it comes in.
"""

from typing import Any

from sqlalchemy import BigInteger, Integer, String, Text
from sqlalchemy.dialects import postgresql
from sqlalchemy.types import TypeEngine

_BY_BYTES = postgresql.TEXT(collation="C")

TEXT: TypeEngine[str] = Text().with_variant(_BY_BYTES, "postgresql")
NUMBER: TypeEngine[int] = Integer().with_variant(BigInteger(), "postgresql")
# Of a row, given by the database: SQLite gives none to a key of another type.
ROW_NUMBER: TypeEngine[int] = BigInteger().with_variant(Integer(), "sqlite")


def words(longest: int) -> TypeEngine[Any]:
    """Text of at most so many characters."""
    return String(longest).with_variant(_BY_BYTES, "postgresql")
