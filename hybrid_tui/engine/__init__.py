"""The engine: one set of decisions for live, paper, recorded and backtest, and its drivers."""
