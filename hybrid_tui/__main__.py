"""Run the command line with ``python -m hybrid_tui``."""

from hybrid_tui.cli import main

if __name__ == "__main__":
    main()
