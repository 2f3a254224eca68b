"""What the words mean: types, events, commands, calendar and ports. No I/O, no pandas, no torch."""
