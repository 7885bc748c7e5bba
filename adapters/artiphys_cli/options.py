"""What may be typed: options that several commands share, and how words become values.

It imports next to nothing, for ``--help`` to be there at once.
"""

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin

from cyclopts import Parameter, Token

__all__ = [
    "SEVERAL",
    "Count",
    "Device",
    "Flag",
    "Folder",
    "Fraction",
    "Fractions",
    "Jobs",
    "Level",
    "Number",
    "Overwrite",
    "Quiet",
    "Resamples",
    "Seed",
    "UsageError",
    "Words",
    "as_typed",
    "position_label",
    "position_pairs",
    "typed",
    "typed_reference",
]

PAIRS = re.compile(r"\bpositions=\{([^{}]*)\}")
ARGUMENT = re.compile(r"\b(by|noise|reference|resample)=(None|'[^']*'|\((?:'\w+'(?:, |,)?)+\))")


class UsageError(Exception):
    """What was typed is no command; the message is one line."""


def typed(hint: Any, tokens: Sequence[Token], kind: Callable[[str], Any] | None = None) -> Any:
    """Return the value of an option, exactly as it was typed; of one given twice, the last.

    By its own rules cyclopts would round 1.5 to a whole number and take the word none for nothing.

    Raises
    ------
    ValueError
        With what is wrong with it, in words that follow the option's name.
    """
    several = get_origin(hint) in (list, tuple)
    kind = kind or _kind(get_args(hint)[0] if several else hint)
    if tokens[0].keyword is not None:  # each occurrence counts its words from 0
        tokens = tokens[max(i for i, token in enumerate(tokens) if token.index == 0) :]
    values = tuple(kind(token.value) for token in tokens)
    return values if several else values[-1]


def _kind(hint: Any) -> Callable[[str], Any]:
    if get_origin(hint) is Literal:
        return lambda word: _one_of(word, get_args(hint))
    kinds: dict[Any, Callable[[str], Any]] = {int: _whole_number, float: _number, Path: Path}
    return kinds.get(hint, str)


def _one_of(word: str, choices: Sequence[str]) -> str:
    if word not in choices:
        msg = f"invalid choice: {word!r} (choose from {', '.join(choices)})"
        raise ValueError(msg)
    return word


def _whole_number(word: str) -> int:
    try:
        return int(word)
    except ValueError:
        msg = f"invalid int value: {word!r}; it must be a whole number"
        raise ValueError(msg) from None


def _number(word: str) -> float:
    try:
        return float(word)
    except ValueError:
        msg = f"invalid float value: {word!r}; it must be a number"
        raise ValueError(msg) from None


def _seed(word: str) -> int:
    if not word.isdecimal():
        msg = f"a seed is a whole number of at least 0; got {word}"
        raise ValueError(msg)
    return int(word)


def _fraction(word: str) -> float:
    above, _, below = word.partition("/")
    try:
        return float(above) / float(below or 1)
    except (ValueError, ZeroDivisionError):
        msg = f"must be a number, as 0.125 or 1/8; got {word!r}"
        raise ValueError(msg) from None


def _seeds(hint: Any, tokens: Sequence[Token]) -> Any:
    return typed(hint, tokens, _seed)


def _fractions(hint: Any, tokens: Sequence[Token]) -> Any:
    return typed(hint, tokens, _fraction)


def _spelled(values: Sequence[Any] | None) -> str | None:
    return " ".join(map(str, values)) if values else None


SEVERAL = Parameter(consume_multiple=(1, None), show_default=_spelled)

Words = Annotated[tuple[str, ...], SEVERAL]
Number = Annotated[float, Parameter(metavar="NUMBER")]
Count = Annotated[int, Parameter(metavar="N")]
Fraction = Annotated[float, Parameter(metavar="SHARE", converter=_fractions)]
Fractions = Annotated[tuple[float, ...], SEVERAL, Parameter(converter=_fractions)]
Device = Annotated[str, Parameter(metavar="NAME", help="auto, cpu, cuda or mps")]
Folder = Annotated[Path, Parameter(metavar="DIR")]
Resamples = Annotated[int, Parameter(metavar="N", help="bootstrap resamples")]
Level = Annotated[float, Parameter(metavar="SHARE", help="coverage of the intervals")]
Jobs = Annotated[int, Parameter(metavar="N", help="processes at most; they change no number")]
Seed = Annotated[int, Parameter(metavar="N", converter=_seeds, help="of all that is random")]
Flag = Annotated[bool, Parameter(show_default=False)]
Overwrite = Annotated[Flag, Parameter(help="replace what is there already")]
Quiet = Annotated[Flag, Parameter(help="no progress bars, no tables")]


def as_typed(text: str) -> str:
    """Return `text` with arguments of Python as they are typed: ``--resample image unit``."""

    def option(match: re.Match[str]) -> str:
        value = match[2].lower() if match[2] == "None" else re.sub("[(),']", "", match[2])
        return f"--{match[1]} {value}"

    def pairs(match: re.Match[str]) -> str:
        return f"--positions {match[1].replace(': ', '=').replace(', ', ' ')}"

    text = text.replace("overwrite=True", "--overwrite")
    return PAIRS.sub(pairs, ARGUMENT.sub(option, text))


def position_pairs(texts: Sequence[str]) -> dict[str, str]:
    """Return the positions of ``MODEL=BRAIN`` words, as they were typed.

    Raises
    ------
    InputError
        If a word is none of these, or a position of the network is named twice.
    """
    from artiphys.errors import InputError

    pairs: dict[str, str] = {}
    for text in texts:
        one, equals, other = text.partition("=")
        if not (one and equals and other):
            msg = f"--positions takes MODEL=BRAIN, e.g. 0.125=2; got {text!r}"
            raise InputError(msg)
        if one in pairs:
            msg = f"--positions: each position of the network may be named once; got {one} twice"
            raise InputError(msg)
        pairs[one] = other
    return pairs


def position_label(text: str, labels: list[Any], *, where: str) -> Any:
    """Return the label that was typed: a text as it is, a number in any spelling.

    Raises
    ------
    InputError
        If it is none of the labels, which are those of `where`.
    """
    from artiphys.errors import InputError

    for label in labels:
        if str(label) == text or (isinstance(label, int | float) and _equals(text, label)):
            return label
    msg = f"{text} is not among {where} {labels}"
    raise InputError(msg)


def typed_reference(text: str | None, labels: list[Any]) -> Any:
    """Return the reference position that was typed: a label, "best", or None for the file's."""
    if text is None or text == "best":
        return text
    return position_label(text, labels, where="the positions; --reference may be")


def _equals(text: str, label: float) -> bool:
    try:
        return float(text) == label
    except ValueError:
        return False
