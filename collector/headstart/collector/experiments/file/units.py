"""Quantities as people write them, `30s`, `512MiB`, `5%`, `2000/s`, and other single values.

Each class is an annotation of a field: it says what is accepted, once for
validation and once for the JSON Schema. `parse` raises ValueError with a
sentence for the author of the file.
"""

import re
from abc import ABC, abstractmethod
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, ClassVar

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema, core_schema

from headstart.collector.experiments.file.phrases import found, listed, meant, quoted
from headstart.words.foreign.cpu_lists import EXPECTED, is_cpu_list

_QUANTITY = re.compile(r"([0-9]{1,15}(?:\.[0-9]{1,9})?) ?([A-Za-zµ%/]+)")


class Scalar(ABC):
    """One value of a YAML file."""

    @abstractmethod
    def parse(self, value: object) -> Any:
        """The value in the form that the program uses; ValueError when it is refused."""

    @abstractmethod
    def json_schema(self) -> dict[str, Any]:
        """What an editor may accept; never narrower than `parse`."""

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(self.parse)

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        return self.json_schema()


@dataclass(frozen=True)
class Quantity(Scalar):
    """A number with its unit, from `minimum` to `maximum`, both written the same way."""

    minimum: str
    maximum: str

    noun: ClassVar[str]
    example: ClassVar[str]
    # Unit -> what one of it is worth; the first is the one that messages suggest.
    units: ClassVar[dict[str, Decimal]]

    def parse(self, value: object) -> float:
        if isinstance(value, int | float) and not isinstance(value, bool):
            raise ValueError(f"{value} has no unit; expected {self.noun} such as {self.example}")
        number = self._number(value)
        if not self._number(self.minimum) <= number <= self._number(self.maximum):
            expected = f"{self.noun} from {self.minimum} to {self.maximum}"
            raise ValueError(f"expected {expected}, found {found(value)}")
        return float(number)

    def _number(self, value: object) -> Decimal:
        match = _QUANTITY.fullmatch(value) if isinstance(value, str) else None
        if match is None:
            raise ValueError(f"expected {self.noun} such as {self.example}, found {found(value)}")
        number, unit = match.groups()
        if unit not in self.units:
            # Only the letters' case is safe to guess: an m may be meant as ms or min.
            near = [known for known in self.units if known.lower() == unit.lower()]
            hint = f"; did you mean '{near[0]}'?" if near else ""
            raise ValueError(f"unknown unit {quoted(unit)}, expected {listed(self.units)}{hint}")
        return Decimal(number) * self.units[unit]

    def json_schema(self) -> dict[str, Any]:
        units = "|".join(re.escape(unit) for unit in self.units)
        return {
            "type": "string",
            "pattern": rf"^[0-9]+(\.[0-9]+)? ?({units})$",
            "examples": [self.example],
        }


class Duration(Quantity):
    """A time, as seconds."""

    noun = "a duration"
    example = "30s"
    units: ClassVar[dict[str, Decimal]] = {
        "us": Decimal("0.000001"),
        "ms": Decimal("0.001"),
        "s": Decimal(1),
        "min": Decimal(60),
        "h": Decimal(3600),
    }


class Size(Quantity):
    """An amount of memory or disk, as bytes."""

    noun = "a size"
    example = "512MiB"
    units: ClassVar[dict[str, Decimal]] = {
        "B": Decimal(1),
        "kB": Decimal(10**3),
        "MB": Decimal(10**6),
        "GB": Decimal(10**9),
        "KiB": Decimal(2**10),
        "MiB": Decimal(2**20),
        "GiB": Decimal(2**30),
    }


class Percentage(Quantity):
    """A share, as a ratio: 5% is 0.05."""

    noun = "a percentage"
    example = "5%"
    units: ClassVar[dict[str, Decimal]] = {"%": Decimal("0.01")}


class Rate(Quantity):
    """How often, as a number per second."""

    noun = "a rate"
    example = "2000/s"
    units: ClassVar[dict[str, Decimal]] = {
        "/s": Decimal(1),
        "/min": Decimal(1) / Decimal(60),
    }


@dataclass(frozen=True)
class Whole(Scalar):
    """A whole number from `minimum` to `maximum`."""

    minimum: int
    maximum: int

    def parse(self, value: object) -> int:
        if type(value) is int and self.minimum <= value <= self.maximum:
            return value
        expected = f"expected a whole number from {self.minimum} to {self.maximum}"
        hint = " (leave the quotes out)" if isinstance(value, str) and value.isdecimal() else ""
        raise ValueError(f"{expected}, found {found(value)}{hint}")

    def json_schema(self) -> dict[str, Any]:
        return {"type": "integer", "minimum": self.minimum, "maximum": self.maximum}


@dataclass(frozen=True)
class Number(Scalar):
    """A number without a unit, above 0."""

    maximum: float

    def parse(self, value: object) -> float:
        if isinstance(value, float) or type(value) is int:
            number = float(value)
            if 0 < number <= self.maximum:
                return number
        raise ValueError(
            f"expected a number above 0 and at most {self.maximum:g}, found {found(value)}"
        )

    def json_schema(self) -> dict[str, Any]:
        return {"type": "number", "exclusiveMinimum": 0, "maximum": self.maximum}


class Switch(Scalar):
    """true or false."""

    def parse(self, value: object) -> bool:
        if isinstance(value, bool):
            return value
        raise ValueError(f"expected true or false, found {found(value)}")

    def json_schema(self) -> dict[str, Any]:
        return {"type": "boolean"}


@dataclass(frozen=True, init=False)
class Choice(Scalar):
    """One of a few words; `earlier` are those that files may still say, and what they mean."""

    words: tuple[str, ...]
    earlier: tuple[tuple[str, str], ...]

    def __init__(self, *words: str, **earlier: str) -> None:
        object.__setattr__(self, "words", words)
        object.__setattr__(self, "earlier", tuple(earlier.items()))

    def parse(self, value: object) -> str:
        if isinstance(value, str):
            value = dict(self.earlier).get(value, value)
            if value in self.words:
                return value
            hint = meant(value, self.words)
        else:
            hint = ""
        raise ValueError(f"expected {listed(self.words)}, found {found(value)}{hint}")

    def json_schema(self) -> dict[str, Any]:
        return {"enum": [*self.words, *dict(self.earlier)]}


@dataclass(frozen=True)
class Text(Scalar):
    """Text of a certain form; any text without a pattern. `what` names it in messages.

    `loose` takes 5 and true for the texts "5" and "true": the values of
    environment variables, arguments and headers are often written so.
    """

    what: str
    pattern: str = ""
    maximum: int = 4096
    loose: bool = False

    def parse(self, value: object) -> str:
        # 1.10 would become 1.1, so that numbers with a fraction need quotes.
        if self.loose and isinstance(value, bool | int):
            value = str(value).lower()
        if not isinstance(value, str):
            hint = " (put it into quotes)" if isinstance(value, bool | int | float) else ""
            raise ValueError(f"expected {self.what}, found {found(value)}{hint}")
        if len(value) > self.maximum:
            raise ValueError(f"expected at most {self.maximum} characters, found {len(value)}")
        if self.pattern and re.fullmatch(self.pattern, value) is None:
            raise ValueError(f"expected {self.what}, found {found(value)}")
        return value

    def json_schema(self) -> dict[str, Any]:
        kinds = ["string", "integer", "boolean"] if self.loose else "string"
        schema: dict[str, Any] = {"type": kinds, "maxLength": self.maximum}
        return schema | {"pattern": f"^(?:{self.pattern})$"} if self.pattern else schema


class CpuSet(Scalar):
    """A Linux cpuset list, such as `0` or `0,2-3`."""

    def parse(self, value: object) -> str:
        text = str(value) if type(value) is int else value
        if isinstance(text, str):
            named = ",".join(part.strip() for part in text.split(","))
            if is_cpu_list(named):
                return named
        raise ValueError(f"expected {EXPECTED}, found {found(value)}")

    def json_schema(self) -> dict[str, Any]:
        return {"type": ["string", "integer"], "examples": ["0", "0,2-3"]}
