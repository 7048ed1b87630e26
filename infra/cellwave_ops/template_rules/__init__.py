"""The project's own rules for its template and state machines: plain functions that return problems as sentences."""
