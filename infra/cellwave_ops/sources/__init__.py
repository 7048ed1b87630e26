"""Where signalling comes from: adapters of files, the generated town, and the producer that feeds the stream."""
