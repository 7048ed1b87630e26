"""The embedded stack: a pinned AWS emulator with this project's corrections, and its life cycle.

Two interpreters meet here. `lifecycle` runs in the development environment. `server`, `stream_clock` and
`corrections` run in the stack's own environment, which has the emulator and none of the product's packages:
nothing in this file may import anything.
"""
