"""HTTP as the providers see it: one client, and what a request can come to."""

from orchestrator.http.client import ApiClient, LeanTransport
from orchestrator.http.reply import Answer, Lost, NotSent, Reply
from orchestrator.http.wire import Bounds, Patience

__all__ = ["Answer", "ApiClient", "Bounds", "LeanTransport", "Lost", "NotSent", "Patience", "Reply"]
