"""The REST API over HTTP: see docs/dialects/native.md and docs/why/rest.md."""
