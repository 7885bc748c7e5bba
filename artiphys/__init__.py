"""artiphys."""
