"""A channel system that dies between claim and send: it says which touch it holds, and blocks for ever.

python dying_sender.py <channel> <file to write the touch id to>
"""

import sys
import threading
from pathlib import Path

from cellwave_ops.channels.sender import Sender
from cellwave_ops.stack import connect


def main(channel: str, note: Path) -> None:
    """Poll until the first claim, and never send what was claimed."""

    def send(touch: str, number: str, text: str) -> None:
        note.write_text(touch)
        threading.Event().wait()

    stack = connect()
    url = stack.channel_queues[channel]
    sender = Sender(channel, url, stack.wiring.clients.sqs, stack.api(), send, stack.clock().now, workers=1)
    while True:
        sender.poll(1)


main(sys.argv[1], Path(sys.argv[2]))
