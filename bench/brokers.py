"""
What Jasmin needs beside it: RabbitMQ and Redis, as Debian ships them.

Both are started here on free loopback ports, with their data in the run's folder,
and are ended with the measure; services of this machine are left alone.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from bench.processes import free_ports, listens, start, wait_until

if TYPE_CHECKING:
    from bench.processes import Child

# The script itself: Debian's in /usr/sbin changes to the user rabbitmq and its folders.
RABBITMQ = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")
REDIS = Path("/usr/bin/redis-server")
EPMD = Path("/usr/bin/epmd")


def start_redis(folder: Path) -> tuple[Child, int]:
    """Start Redis with its defaults (snapshots, no append-only file); its port."""
    (port,) = free_ports(1)
    options = {"port": port, "bind": "127.0.0.1", "dir": folder, "loglevel": "warning"}
    flags = [str(x) for k, v in options.items() for x in (f"--{k}", v)]
    child = start("redis", [str(REDIS), *flags], folder)
    wait_until("Redis", lambda: listens(port), [child])
    return child, port


def _rabbitmq_environment(folder: Path, amqp: int, peers: int, names: int) -> list[str]:
    """Write the variables that keep a node to itself, as arguments of env."""
    loopback = "-kernel inet_dist_use_interface {127,0,0,1}"
    found = {
        "HOME": folder,  # of the node's cookie
        "ERL_EPMD_PORT": names,
        "RABBITMQ_NODENAME": "bench@localhost",
        "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
        "RABBITMQ_NODE_PORT": amqp,
        "RABBITMQ_DIST_PORT": peers,
        "RABBITMQ_MNESIA_BASE": folder / "mnesia",
        "RABBITMQ_LOG_BASE": folder / "rabbitmq",
        "RABBITMQ_LOGS": "-",
        "RABBITMQ_CONF_ENV_FILE": "/dev/null",
        "RABBITMQ_CONFIG_FILE": folder / "rabbitmq",
        "RABBITMQ_ENABLED_PLUGINS_FILE": folder / "plugins",
        # Without it the script stays, and what it started is nobody's to measure.
        "RABBITMQ_ALLOW_INPUT": "1",
        "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": f"-noinput {loopback}",
    }
    return [f"{name}={value}" for name, value in found.items()]


def start_rabbitmq(folder: Path) -> tuple[list[Child], int]:
    """
    Start RabbitMQ with its defaults, no plugins and warnings alone in its log.

    Returns: its processes (Erlang's directory of nodes, and the broker), its port.
    """
    amqp, peers, names = free_ports(3)
    (folder / "plugins").write_text("[].\n")
    (folder / "rabbitmq.conf").write_text("log.console.level = warning\n")
    directory = [str(EPMD), "-port", str(names), "-address", "127.0.0.1"]
    children = [start("epmd", directory, folder)]
    wait_until("epmd", lambda: listens(names), children)
    variables = _rabbitmq_environment(folder, amqp, peers, names)
    children.append(start("rabbitmq", ["env", *variables, str(RABBITMQ)], folder))
    wait_until("RabbitMQ", lambda: listens(amqp), children, 60)
    return children, amqp
