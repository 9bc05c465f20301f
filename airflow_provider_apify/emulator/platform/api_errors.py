"""Refusals of the API: HTTP status, error type, message."""

from __future__ import annotations

from typing import Any


class ApiError(Exception):
    """A refusal; clients tell refusals apart by ``type``, a few types have details in ``data``."""

    def __init__(
        self,
        status: int,
        type: str,
        message: str,
        data: dict[str, Any] | None = None,
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status, self.type, self.message, self.data = status, type, message, data
        self.headers = headers or {}

    def body(self) -> dict[str, Any]:
        """Return the JSON body of the response."""
        error: dict[str, Any] = {"type": self.type, "message": self.message}
        if self.data is not None:
            error["data"] = self.data
        return {"error": error}


def invalid_value(message: str) -> ApiError:
    """Build the error for a query parameter or field of a wrong type or range."""
    return ApiError(400, "invalid-value", message)


def invalid_request(message: str) -> ApiError:
    """Build the error for a body that the operation does not accept."""
    return ApiError(400, "invalid-request", message)


def not_found(what: str) -> ApiError:
    """Build the error for a resource that does not exist."""
    return ApiError(404, "record-not-found", f"{what} was not found")


def no_token() -> ApiError:
    """Build the error for a request without a token."""
    return ApiError(401, "token-not-provided", "Authentication token was not provided")


def insufficient_permissions(what: str) -> ApiError:
    """Build the error for a resource of another account."""
    return ApiError(
        403,
        "insufficient-permissions",
        f"Insufficient permissions for the {what}. Make sure you're passing a correct API token"
        " and that it has the required permissions.",
    )
