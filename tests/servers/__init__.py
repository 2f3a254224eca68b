"""Loopback servers that speak what the outside services speak."""
