"""What is asked of an engine: the trace, and the laws it is drawn from. Imports no torch."""
