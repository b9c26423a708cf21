"""The simulated phones over HTTP: an API for programs, pages for people."""
