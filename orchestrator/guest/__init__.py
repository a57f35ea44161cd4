"""The text of the shell program that runs a step inside the VPS, and the reading of its reply."""
