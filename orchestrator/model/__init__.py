"""Nouns: frozen, typed, without behaviour but predicates."""
