"""What a reader of recordings is told: the file, what is wrong with it, the remedy."""

from artiphys.errors import ArtiphysWarning, InputError

__all__ = [
    "ClockError",
    "DoubtfulSpikes",
    "FewRepeats",
    "FileError",
    "FilesLeftOut",
    "HeldOutImages",
    "LayoutError",
    "NotObserved",
    "OnsetsMissing",
    "PoolingError",
    "PositionsDoubtful",
    "PresentationsDoubtful",
    "RecordingError",
    "RecordingWarning",
    "SessionsDiffer",
    "TableError",
    "UnitsDoubtful",
]


class RecordingError(InputError):
    """A recording that cannot be read as it is; base of every error of this package."""


class FileError(RecordingError):
    """A file that cannot be opened, or whose bytes cannot be read."""


class LayoutError(RecordingError):
    """A layout that is not one, or that names what the file does not have."""


class TableError(RecordingError):
    """A table whose columns contradict one another, or that leaves nothing to read."""


class ClockError(RecordingError):
    """Spikes and presentations that do not lie on one clock."""


class PoolingError(RecordingError):
    """Sessions that cannot be put into one array."""


class RecordingWarning(ArtiphysWarning):
    """Something was read, but not all of it or not without a doubt; base of those below."""


class FilesLeftOut(RecordingWarning):
    """Some of many files could not be read; the others were."""


class OnsetsMissing(RecordingWarning):
    """More than a few presentations have no onset and were left out."""


class PresentationsDoubtful(RecordingWarning):
    """Presentations that are there twice, outside their trial, or repeated unlike the others."""


class PositionsDoubtful(RecordingWarning):
    """Positions that differ by rounding, have no origin, or carry no image shown at another."""


class HeldOutImages(RecordingWarning):
    """Rows whose image number is -1, which the layout does not call a blank, were left out."""


class DoubtfulSpikes(RecordingWarning):
    """Spike times that had to be mended, or that may not cover every presentation."""


class UnitsDoubtful(RecordingWarning):
    """Units whose names or electrodes are not what the file says they are."""


class NotObserved(RecordingWarning):
    """Units or presentations that were never observed; they are NaN throughout."""


class FewRepeats(RecordingWarning):
    """No image was shown twice at a position: no split half, no noise correction."""


class SessionsDiffer(RecordingWarning):
    """Sessions that have little in common, or are read in ways that differ."""
