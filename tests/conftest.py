"""What every test runs under."""

import structlog


def pytest_configure() -> None:
    """Log in plain lines: pytest shows them where a test fails; drawn tracebacks are slow enough to lose a race."""
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.format_exc_info,
            structlog.processors.KeyValueRenderer(key_order=["event"]),
        ],
        cache_logger_on_first_use=False,
    )
