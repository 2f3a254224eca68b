"""How much CPU a backtest takes: the event path, its rivals, and the whole command."""
