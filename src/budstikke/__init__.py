"""Budstikke: an SMS and MMS gateway."""

__version__ = "0.2.0.dev0"
