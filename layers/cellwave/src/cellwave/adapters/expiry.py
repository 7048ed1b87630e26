"""How long what is stored is kept, in seconds of wall time; every read leaves out what has expired."""

from typing import Final

DAY: Final = 86_400

STATE: Final = 4 * DAY
"""Pages and due marks: no window is longer than 48 h."""
LANES: Final = 400 * DAY
JOURNEYS: Final = 400 * DAY
"""Journeys and marks: past the longest campaign; also what bounds "once"."""
