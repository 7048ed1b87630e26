"""The ports, kept by AWS services."""
