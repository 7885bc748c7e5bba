"""The response array: what it is, what is wrong with one, and its files."""
