"""The ports, kept in memory: for tests and simulation; trusted because they pass the real adapters' suites."""
