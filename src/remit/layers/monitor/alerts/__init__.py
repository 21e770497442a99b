"""Whoever must know is told: by a signed webhook, by e-mail, or in a chat, and never lost."""

from remit.layers.monitor.alerts.message import Message, of_alarm
from remit.layers.monitor.alerts.outbox import Alerts
from remit.layers.monitor.alerts.ways import MailServer, MailServerError, mail_server

__all__ = ["Alerts", "MailServer", "MailServerError", "Message", "mail_server", "of_alarm"]
