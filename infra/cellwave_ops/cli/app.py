"""The `cellwave` command, put together."""

import sys

import typer
from botocore.exceptions import BotoCoreError, ClientError

from cellwave.domain.errors import CellwaveError
from cellwave_ops.cli import channels, demo, documents, stack
from cellwave_ops.cli.match import match
from cellwave_ops.cli.redrive import redrive
from cellwave_ops.cli.replay import replay
from cellwave_ops.cli.town import town
from cellwave_ops.emulator.errors import EmulatorError

app = typer.Typer(
    help=(
        "Cellwave: real-time precision marketing for telecom operators.\n\n"
        "A first round on your own machine: up, deploy, town, lists load, publish, replay, poll, report; "
        "or all of it at once: demo."
    ),
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

_STACK, _MARKETING, _SIGNALLING, _CHANNELS = "The stack", "Marketing", "Signalling", "Channels"

for _function, _panel in (
    (stack.up, _STACK),
    (stack.deploy, _STACK),
    (stack.status, _STACK),
    (stack.down, _STACK),
    (demo.demo, _STACK),
    (documents.publish, _MARKETING),
    (documents.report, _MARKETING),
    (match, _SIGNALLING),
    (replay, _SIGNALLING),
    (redrive, _SIGNALLING),
    (town, _SIGNALLING),
    (channels.poll, _CHANNELS),
    (channels.front, _CHANNELS),
):
    app.command(rich_help_panel=_panel)(_function)
app.add_typer(documents.lists, name="lists", rich_help_panel=_MARKETING)


def main() -> None:
    """Run the command; what Cellwave, AWS or the file system refuses is a message and exit 1, not a traceback."""
    try:
        app()
    except (CellwaveError, EmulatorError) as error:
        _fail(str(error))
    except ClientError as error:
        refusal = error.response["Error"]
        _fail(
            f"{error.operation_name} was refused ({refusal.get('Code')}): {refusal.get('Message', '')}\n"
            "Does the stack stand (`cellwave status`), and may these credentials do it?"
        )
    except BotoCoreError as error:
        _fail(f"{error}\nDoes the stack run (`cellwave status`), and are the AWS settings right?")
    except OSError as error:
        _fail(f"{error.filename or 'the system'}: {error.strerror or error}")


def _fail(message: str) -> None:
    sys.stderr.write(f"cellwave: {message}\n")
    sys.exit(1)
