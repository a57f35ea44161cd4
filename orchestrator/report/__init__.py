"""State to text and to JSON, for terminals, files and pages alike; pure, and it knows none of these."""
