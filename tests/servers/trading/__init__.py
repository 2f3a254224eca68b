"""The parts of the local Alpaca trading server; ``tests.servers.alpaca_trading`` puts them up."""
