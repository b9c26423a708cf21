"""Throughput, latency and where the time goes, beside Kannel; see README.md."""
