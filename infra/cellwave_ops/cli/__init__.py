"""The `cellwave` command: a file for each group of commands, put together in `app`."""
