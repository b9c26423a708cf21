"""Connections out to customers: HTTP and SMTP."""
