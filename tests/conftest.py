"""What every test runs under."""

import hypothesis
import pytest
import structlog

from support import owned
from support.real_servers import engine, kafka, real_servers, zookeeper

__all__ = ["engine", "kafka", "real_servers", "zookeeper"]


def pytest_configure(config: pytest.Config) -> None:
    """Log in plain lines: pytest shows them where a test fails; drawn tracebacks are slow enough to lose a race."""
    if _is_main(config):
        owned.begin()
    hypothesis.settings.register_profile("statefleet", deadline=None)  # a busy machine is slow, not wrong
    hypothesis.settings.load_profile("statefleet")
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.format_exc_info,
            structlog.processors.KeyValueRenderer(key_order=["event"]),
        ],
        cache_logger_on_first_use=False,
    )


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Leave no container behind."""
    if _is_main(session.config):
        owned.end()


def _is_main(config: pytest.Config) -> bool:
    """Whether this process runs the tests or has others run them: it is not one of pytest-xdist's workers."""
    return not hasattr(config, "workerinput")
