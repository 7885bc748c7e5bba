"""A layout for a recording that no preset fits: scored by the names and values of its columns."""
