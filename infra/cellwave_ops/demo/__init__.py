"""The demo: the main job end to end on the embedded stack, checked against itself."""
