"""Labels of positions as they were asked for: typed as text, they may be numbers in a file."""

from typing import Any

from artiphys.errors import InputError

__all__ = ["position_in"]


def position_in(labels: list[Any], asked: Any, *, whose: str) -> Any:
    """Return the label that was asked for, as the file spells it: ``"1/8"`` is none, "0.125" is.

    Raises
    ------
    InputError
        If it is none of the labels.
    """
    for label in labels:
        if label == asked or str(label) == str(asked) or _number(label) == _number(asked):
            return label
    msg = f"position {asked} is not among those of {whose}, {labels}"
    raise InputError(msg)


def _number(label: Any) -> float | str:
    try:
        return float(label)
    except ValueError:
        return str(label)
