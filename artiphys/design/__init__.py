"""Before and beside a recording: what a design can find, and a control whose relation is none."""
