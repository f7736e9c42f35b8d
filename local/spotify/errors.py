"""Errors in the two forms that Spotify answers with."""

from typing import Any

from flask import Response, jsonify


class ApiError(Exception):
    """An error of the Web API: ``{"error": {"status", "message"}}``; some have no message."""

    def __init__(
        self,
        status: int,
        message: str | None,
        *,
        reason: str | None = None,
        retry_after: int | None = None,
    ) -> None:
        super().__init__(message or str(status))
        self.status, self.message = status, message
        self.reason, self.retry_after = reason, retry_after

    def response(self) -> Response:
        """The answer, with Retry-After in whole seconds where one is due."""
        error: dict[str, Any] = {"status": self.status}
        if self.message is not None:
            error["message"] = self.message
        if self.reason is not None:
            error["reason"] = self.reason
        return _answer({"error": error}, self.status, self.retry_after)


class TokenError(Exception):
    """An error of the accounts service: ``{"error", "error_description"}``."""

    def __init__(
        self, error: str, description: str, *, status: int = 400, retry_after: int | None = None
    ) -> None:
        super().__init__(description)
        self.error, self.description = error, description
        self.status, self.retry_after = status, retry_after

    def response(self) -> Response:
        """The answer."""
        body = {"error": self.error, "error_description": self.description}
        return _answer(body, self.status, self.retry_after)


class ConsentError(Exception):
    """A consent that cannot be asked for: Spotify shows its sentence and sends nobody on."""

    def response(self) -> Response:
        """The answer: 400 with the sentence as text."""
        return Response(str(self), status=400, content_type="text/plain; charset=utf-8")


class ControlError(ValueError):
    """A control request that makes no sense: 400 with one sentence."""


def _answer(body: dict[str, Any], status: int, retry_after: int | None) -> Response:
    response = jsonify(body)
    response.status_code = status
    if retry_after is not None:
        response.headers["Retry-After"] = str(retry_after)
    return response
