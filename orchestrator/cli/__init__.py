"""The command line: one file for each command; arguments, one call, one report."""
