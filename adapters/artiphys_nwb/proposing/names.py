"""Names that labs give to columns, and the weight of each convention."""

import re

__all__ = [
    "AREAS",
    "BEHAVIOUR",
    "BLANKS",
    "BOOKKEEPING",
    "CENTRES",
    "DIODES",
    "ENDS",
    "EYES",
    "IMAGES",
    "ONSETS",
    "PAIRS",
    "PLACE",
    "POSITIONS",
    "TIMES",
    "VALIDS",
    "weight_of",
    "words_of",
]

# Names in lower case, the words of camelCase parted by "_"; the weight of each convention.
SHOWN = (
    "stim|stimulus|stimuli|image|img|im|picture|pic|photo|object|scene|frame|shape|visual|display"
)
ONSETS = (
    (r"(pd|photo_?diode|diode|photo)_?.*on.*", 5.0),
    (rf"({SHOWN}|presentation|flash)_?(on|onset|start|begin|appear|time|ts).*", 4.0),
    (r"(sample|target|cue|probe|test)_?(on|onset).*", 3.5),
    (r"(t_|time_)?(on|onset)s?(_time|_ts|_s|_sec)?", 3.5),
    (r"timestamps?", 3.0),
    (r"start_time", 2.0),
    (r"(start|begin|time|ts)(_.*)?", 1.0),
)
IMAGES = (
    (r"indexed_images", 6.0),
    (r"stimulus_presented", 5.0),
    (rf"({SHOWN})_?(id|index|idx|number|num|nr|no|name|file|file_?name|label|key|code)s?", 4.0),
    (rf"({SHOWN})s?", 3.0),
    (rf"(.*_)?({SHOWN})s?(_.*)?", 2.0),
    (r"(condition|cond|cnd|category|class|label|identity|exemplar|item|texture)s?(_.*)?", 1.5),
    (r"(orientation|ori|direction|target.*)", 1.5),
)
PLACE = r"position|pos|location|loc|place|where|site|quadrant|eccentricity|ecc|hemifield|shift"
POSITIONS = (
    (rf"({SHOWN})?s?_?({PLACE})s?(_?(id|index|idx|label|name|deg|px|pix))?", 4.0),
    (rf"(.*_)?({PLACE})s?(_.*)?", 3.0),
    (r"(.*_)?(x|azimuth)(_(deg|px|pix|pos|position))?", 2.5),
)
PAIRS = (("x", "y"), ("azimuth", "elevation"), ("horizontal", "vertical"), ("h", "v"))
VALIDS = r"fixation_correct|is_valid|valid(_trial)?|keep|good(_trial)?|include[d]?|usable"
BEHAVIOUR = (
    r"(.*_)?(correct|success|hit|miss|outcome|rewarded|reward|choice|response|resp|answer|decision|"
    r"performance|error|rt|reaction|lick|lever|saccade|abort|aborted)(_.*)?"
)
EYES = r"(.*_)?(eye|gaze|pupil|fix|fixation|cursor|mouse|hand)(_.*)?"
DIODES = r"(.*_)?(pd|photo_?diode|diode)(_?(on|off).*)?"
ENDS = r"(.*_)?(off|offset|end|ends|stop|duration|dur|length|iti|isi)(_.*)?"
TIMES = r"(.*_)?(on|onset|off|offset|time|times|ts|timestamps?|start|stop|end|duration|dur)(_.*)?"
BOOKKEEPING = r"(.*_)?(trial|block|session|ses|sub|subject|date|pen|run|row)(_.*)?|id"
AREAS = r"(brain_)?(area|region|structure|location)s?"
CENTRES = r"cent(er|re)|middle|mid|fovea|foveal|fix|fixation|origin|zero"
BLANKS = r"blank|gr[ae]y|null|none|empty|background|catch|no_?stim(ulus)?|fixation"


def words_of(name: str) -> str:
    """Return a name in lower case with the words of camelCase parted by "_"."""
    last = name.rsplit("/", 1)[-1]
    found = re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+", last)
    return "_".join(word.lower() for word in found)


def weight_of(words: str, conventions: tuple[tuple[str, float], ...]) -> float:
    """Return the weight of the first convention that a name follows; 0 if it follows none."""
    return next((w for pattern, w in conventions if re.fullmatch(pattern, words)), 0.0)
