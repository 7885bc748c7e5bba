"""Labels of positions, as they are typed."""

from typing import Any

from artiphys.errors import InputError

__all__ = ["position_label"]


def position_label(text: str, labels: list[Any], *, where: str) -> Any:
    """Return the label that was typed: a text as it is, a number in any spelling.

    Raises
    ------
    InputError
        If it is none of the labels, which are those of `where`.
    """
    for label in labels:
        if str(label) == text or (isinstance(label, int | float) and _number(text) == label):
            return label
    msg = f"{text} is not among {where} {labels}"
    raise InputError(msg)


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None
