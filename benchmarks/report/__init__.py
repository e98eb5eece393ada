"""One self-contained HTML page per run folder."""

from molmospaces_gym.benchmarks.report.page import REPORT_FILE, report_html, write_report

__all__ = ["REPORT_FILE", "report_html", "write_report"]
