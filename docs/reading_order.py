"""The order of the gallery: from a recording to the paper, not by the alphabet."""

__all__ = ["InReadingOrder"]

FIRST = (
    "from_recording_to_verdict.py",
    "one_unit_from_nwb.py",
    "invariance_over_the_visual_field.py",
    "plan_an_experiment.py",
    "untrained_network.py",
    "network_against_recording.py",
    "why_rectification.py",
    "table1.py",
    "table_of_trials.py",
    "matlab_counts.py",
)


class InReadingOrder:
    """A sort key for the files of the gallery; those that are not listed come last, by name."""

    def __init__(self, source_folder: str) -> None:
        self.source_folder = source_folder

    def __call__(self, name: str) -> tuple[int, str]:
        """Return where a file belongs."""
        return (FIRST.index(name) if name in FIRST else len(FIRST), name)

    def __repr__(self) -> str:
        return type(self).__name__  # part of what the build remembers
