"""What results mean: statistics and reports. Only reads."""
