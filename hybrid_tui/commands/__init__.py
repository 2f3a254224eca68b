"""The commands of the command line, one module a group; ``hybrid_tui.cli`` composes them."""
