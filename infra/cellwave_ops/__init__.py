"""Cellwave for operators: the command, the embedded stack, sources and the demo."""
