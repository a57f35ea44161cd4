"""Doing: what the deciders decide, with anyio. No policy here."""
