"""Recordings as files: opened from wherever they are, their tables read a column at a time."""
