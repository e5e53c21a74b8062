"""Reads a frozen dataclass from what a YAML says: key, type and range are checked, every fault becomes a sentence."""

from __future__ import annotations

import types
from dataclasses import MISSING, dataclass, field, fields, is_dataclass
from difflib import get_close_matches
from typing import Any, Union, get_args, get_origin, get_type_hints

NAMES = {int: "a whole number", float: "a number", bool: "true or false", str: "a word"}


@dataclass(frozen=True)
class Limits:
    least: float | None = None
    above: float | None = None
    most: float | None = None
    below: float | None = None
    among: tuple[str, ...] = ()

    def fault(self, value: Any) -> str | None:
        """What is wrong with the value, None when nothing is."""
        if self.among and value not in self.among:
            return f"none of {', '.join(self.among)}"
        for limit, holds, words in (
            (self.least, lambda bound: value >= bound, "less than"),
            (self.above, lambda bound: value > bound, "not above"),
            (self.most, lambda bound: value <= bound, "more than"),
            (self.below, lambda bound: value < bound, "not below"),
        ):
            if limit is not None and not holds(limit):
                return f"{words} {limit:g}"
        return None


def limited(default: Any = MISSING, **limits: Any) -> Any:
    """A field of a configuration with its range."""
    return field(default=default, metadata={"limits": Limits(**limits)})


def read(kind: type, values: Any, where: str, faults: list[str]) -> Any:
    """@param where names the values in sentences @param faults is added to
    @returns an instance of `kind`; None when there are faults
    """
    if not isinstance(values, dict):
        faults.append(f"{where} is {shown(values)}, not a table of keys and values")
        return None
    known, hints, before = {one.name: one for one in fields(kind)}, get_type_hints(kind), len(faults)
    faults += [unknown(name, known, where) for name in values if name not in known]
    faults += [
        f"{where} lacks {name}"
        for name, one in known.items()
        if name not in values and one.default is MISSING and one.default_factory is MISSING
    ]
    given = {
        name: typed(hints[name], value, f"{where}: {name}", known[name].metadata.get("limits", Limits()), faults)
        for name, value in values.items()
        if name in known
    }
    return kind(**given) if len(faults) == before else None


def unknown(name: Any, known: dict[str, Any], where: str) -> str:
    close = get_close_matches(str(name), known, 1)
    return f"{where} does not know {name}; " + (
        f"is it {close[0]}?" if close else f"it takes {', '.join(sorted(known))}"
    )


def typed(hint: Any, value: Any, where: str, limits: Limits, faults: list[str]) -> Any:
    """The value as the hint wants it; a fault otherwise."""
    if get_origin(hint) in (Union, types.UnionType):
        if value is None:
            return None
        hint = next(one for one in get_args(hint) if one is not types.NoneType)
    if get_origin(hint) is tuple:
        return listed(get_args(hint)[0], value, where, limits, faults)
    if is_dataclass(hint):
        return read(hint, value, where, faults)
    right = isinstance(value, (int, float) if hint is float else hint) and (hint is bool or not isinstance(value, bool))
    if not right:
        faults.append(f"{where} is {shown(value)}, not {NAMES[hint]}{exponent(hint, value)}")
        return None
    wrong = limits.fault(value)
    if wrong:
        faults.append(f"{where} is {shown(value)}, {wrong}")
    return float(value) if hint is float else value


def listed(hint: Any, value: Any, where: str, limits: Limits, faults: list[str]) -> tuple:
    """A single entry may stand without a list."""
    entries = value if isinstance(value, list | tuple) else [] if value is None else [value]
    return tuple(typed(hint, one, f"{where}[{index}]", limits, faults) for index, one in enumerate(entries))


def exponent(hint: Any, value: Any) -> str:
    """YAML reads 1e-5 as a word."""
    try:
        return f"; in YAML write {float(value):.0e}".replace("e", ".0e") if hint is float and float(value) else ""
    except (TypeError, ValueError):
        return ""


def shown(value: Any) -> str:
    return "empty" if value is None else repr(value) if isinstance(value, str) else str(value)
