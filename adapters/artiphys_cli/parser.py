"""The grammar of the command, and its help.

Each subcommand is a module of one typed function, whose annotations say what may be typed and whose
docstring is its help. cyclopts and not typer, because options that take several values keep their
spelling, ``--weights untrained imagenet``: cyclopts has ``consume_multiple``, where typer and click
only take an option again for each value. Modules of commands are named here as texts, and import
what is heavy in their function, so that ``--help`` loads neither numpy nor torch.
"""

import inspect
from collections.abc import Callable, Sequence
from difflib import get_close_matches
from functools import partial
from importlib.metadata import version
from typing import Any

from cyclopts import App, CycloptsError, Parameter
from cyclopts.exceptions import (
    CoercionError,
    ConsumeMultipleError,
    MissingArgumentError,
    UnknownCommandError,
    UnknownOptionError,
    UnusedCliTokensError,
)

from artiphys_cli.options import UsageError, typed

__all__ = ["COMMANDS", "app", "examples", "parsed"]

COMMANDS = (
    *("reproduce", "probe", "describe", "ingest"),
    *("signature", "compare", "report", "simulate", "power", "control", "completion"),
)


def parsed(argv: Sequence[str]) -> Callable[[], None] | None:
    """Return the call that was typed, or None when it was for help or the version, now printed.

    Raises
    ------
    UsageError
        If it is no command, or one that lacks an argument or has one that cannot be.
    """
    if not argv:
        msg = f"required: COMMAND, one of {', '.join(COMMANDS)}; see artiphys --help"
        raise UsageError(msg)
    grammar = app()
    if not {"--help", "-h"}.isdisjoint(argv):
        _add_help(grammar)
    try:
        function, bound, _ = grammar.parse_args(argv, exit_on_error=False, print_error=False)
    except CycloptsError as error:
        prog = " ".join(["artiphys", *(error.command_chain or ())])
        msg = f"{_told(error)}; see {prog} --help"
        raise UsageError(msg) from error
    call = partial(function, *bound.args, **bound.kwargs)
    if not isinstance(getattr(function, "__self__", None), App):
        return call
    try:
        call()  # what cyclopts does itself: help, or the version
    except SystemExit as error:  # how rich, which prints the help, ends where nobody reads on
        raise BrokenPipeError from error
    if function == grammar.help_print:
        _print_examples(grammar[argv[0]] if argv[0] in COMMANDS else grammar)
    return None


def app() -> App:
    """Return the grammar; a command's module is imported when it is called, or its help is."""
    grammar = App(
        name="artiphys",
        help="Translation invariance against dynamic range, in deep nets and in cortex.",
        help_format="plaintext",
        version=lambda: version("artiphys"),
        group_parameters="Options",
        default_parameter=Parameter(converter=typed, negative=(), allow_repeating=True),
    )
    for rank, name in enumerate(COMMANDS):
        grammar.command(f"artiphys_cli.{name}:{name}", name=name, sort_key=rank)
    return grammar


def examples(function: Callable[..., Any]) -> list[str]:
    """Return the command lines under Examples in a docstring, without their prompts."""
    lines = (inspect.getdoc(function) or "").splitlines()
    return [line.strip().removeprefix("$ ") for line in lines if line.strip().startswith("$ ")]


def _add_help(grammar: App) -> None:
    from artiphys_cli.help_pages import TwoColumns

    grammar.help_formatter = TwoColumns()
    for name in COMMANDS:
        command = grammar[name]
        words, _, _ = (inspect.getdoc(command.default_command) or "").partition("\nParameters\n")
        paragraphs = words.strip().split("\n\n")
        command.help = "\n\n".join(" ".join(each.split()) for each in paragraphs)


def _print_examples(command: App) -> None:
    if command.default_command is None:
        print("artiphys COMMAND --help tells of its options, with examples.")
    else:
        print("Examples", *(f"  $ {line}" for line in examples(command.default_command)), sep="\n")


def _told(error: CycloptsError) -> str:
    """Return what is wrong with what was typed, in one line that names it and what it may be."""
    match error:
        case CoercionError(argument=argument) if argument is not None:
            return f"{argument.name}: {error.msg}"
        case ConsumeMultipleError(argument=argument) if argument is not None:
            return f"{argument.name}: at least one value is expected"
        case MissingArgumentError(argument=argument) if argument is not None:
            return (
                f"{argument.name}: a value is expected"
                if error.keyword
                else f"required: {argument.name}"
            )
        case UnknownOptionError(token=token):
            option = token.keyword or token.value
            known = [name for argument in error.argument_collection for name in argument.names]
            close = get_close_matches(option, known, n=1)
            return f"unrecognized arguments: {option}" + "".join(
                f" (did you mean {c}?)" for c in close
            )
        case UnknownCommandError(unused_tokens=tokens) if tokens and tokens[0][:1] != "-":
            return f"invalid choice: {tokens[0]!r} (choose from {', '.join(COMMANDS)})"
        case UnknownCommandError(unused_tokens=tokens) | UnusedCliTokensError(unused_tokens=tokens):
            return f"unrecognized arguments: {' '.join(tokens or ())}"
    return str(error).rstrip(".")
