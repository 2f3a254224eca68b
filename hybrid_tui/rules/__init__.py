"""Tier 1: indicators, conditions, stops, exits, entries, sizing and protections. Pure functions."""
