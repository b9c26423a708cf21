"""Clients of customers' HTTP servers and of a mail server."""
