"""The `drivetr` command."""
