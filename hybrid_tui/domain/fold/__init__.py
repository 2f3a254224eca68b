"""How each kind of event changes the desk's state, by subject."""
