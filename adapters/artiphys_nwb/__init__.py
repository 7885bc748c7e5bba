"""Read NWB recordings into the response array."""
