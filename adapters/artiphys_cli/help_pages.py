"""Help without boxes, for a terminal and for a pipe: the options beside what they are."""

from typing import TYPE_CHECKING

from cyclopts.help import DescriptionRenderer, PlainFormatter
from rich.table import Table

if TYPE_CHECKING:
    from cyclopts.help import HelpPanel
    from rich.console import Console, ConsoleOptions

__all__ = ["TwoColumns"]

WIDTH = 25  # of the options, the widest but one


class TwoColumns(PlainFormatter):
    """A heading, and below it two columns; usage and description as cyclopts' plain formatter."""

    def __call__(self, console: "Console", options: "ConsoleOptions", panel: "HelpPanel") -> None:
        """Print one group of options or commands."""
        if not panel.entries:
            return
        table = Table.grid(padding=(0, 2, 0, 0))
        table.add_column(width=2)
        table.add_column(min_width=WIDTH)
        table.add_column()
        for entry in panel.entries:
            names = ", ".join(entry.display_labels_with_metavar)
            table.add_row("", names, DescriptionRenderer()(entry))
        with console.capture() as printed:
            console.print(panel.title, table, sep="\n")
        lines = printed.get().splitlines()
        print(*(line.rstrip() for line in lines), "", sep="\n", file=console.file)
