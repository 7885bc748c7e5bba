"""What was left out of a session and what is doubtful about it, in words and with counts."""

import dataclasses
from typing import Any

from artiphys.responses.provenance import dropped
from artiphys_nwb.errors import RecordingWarning

__all__ = ["Account"]


@dataclasses.dataclass
class Account:
    """The running account of one session: every row, trial and unit that is not in the array."""

    session: str
    left_out: list[dict[str, Any]] = dataclasses.field(default_factory=list)
    doubts: list[tuple[type[RecordingWarning], str]] = dataclasses.field(default_factory=list)

    def drop(self, what: str, reason: str, count: int) -> None:
        """Add a number of things left out for one reason; none is not worth a line."""
        if count:
            self.left_out.append(dropped(what, reason, count, session=self.session))

    def doubt(self, category: type[RecordingWarning], message: str) -> None:
        """Add what the user will be warned of."""
        self.doubts.append((category, message))

    def in_words(self) -> str:
        """Return what was left out as one phrase."""
        words = [f"{item['count']} {item['what']}s ({item['reason']})" for item in self.left_out]
        return "left out: " + ", ".join(words) if words else "nothing left out"
