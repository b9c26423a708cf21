"""The simulator's phones over HTTP: an API for programs and pages for people."""
