"""One session of a recording, read: a count for every unit and presentation."""
