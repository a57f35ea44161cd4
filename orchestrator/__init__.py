"""A deployment orchestrator for fleets of VPSes that are reached only through a provider's exec API."""

__version__ = "0.1.0"
