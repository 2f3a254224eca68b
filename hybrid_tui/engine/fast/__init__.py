"""The fast path: the event path's result, by skipping the instants at which nothing can happen."""
