"""A trading desk in the terminal for a solo trader."""

__version__ = "0.1.0"
