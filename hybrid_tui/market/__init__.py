"""Prices, bars and news: simulated, recorded and from files; the bar store."""
