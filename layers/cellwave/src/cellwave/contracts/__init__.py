"""Wire models: stream records, documents, API bodies."""
