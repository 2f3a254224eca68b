"""The journal: one SQLite file of events, with read tables that can be rebuilt from them."""
