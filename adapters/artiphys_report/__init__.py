"""A report: one page, complete in itself, of what was measured and how far to trust it.

Extra ``report``.
"""

from artiphys.errors import to_install

try:
    import jinja2  # noqa: F401
except ImportError as error:
    msg = f"artiphys_report needs {error.name}: {to_install('report')}"
    raise ImportError(msg, name=error.name) from error

from artiphys_report.report import report

__all__ = ["report"]
