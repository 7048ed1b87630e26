"""Reference channel systems, and a public that answers them: examples to follow, and the demo's other half."""
