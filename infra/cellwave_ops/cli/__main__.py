"""`python -m cellwave_ops.cli`: the command without its script."""

from cellwave_ops.cli.app import main

main()
