"""The command: the only place that knows the core and both adapters."""
