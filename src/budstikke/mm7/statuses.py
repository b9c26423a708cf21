"""Status codes of MM7 (3GPP TS 23.140 § 8.7.8.3.1)."""

from __future__ import annotations

from enum import IntEnum


class Status(IntEnum):
    """A response's status; its first digit says which side is at fault."""

    SUCCESS = 1000
    PARTIAL_SUCCESS = 1100
    CLIENT_ERROR = 2000
    OPERATION_RESTRICTED = 2001
    ADDRESS_ERROR = 2002
    ADDRESS_NOT_FOUND = 2003
    CONTENT_REFUSED = 2004
    MESSAGE_ID_NOT_FOUND = 2005
    LINKED_ID_NOT_FOUND = 2006
    FORMAT_CORRUPT = 2007
    APPLICATION_NOT_FOUND = 2008
    REPLY_APPLICATION_NOT_FOUND = 2009
    SERVER_ERROR = 3000
    NOT_POSSIBLE = 3001
    MESSAGE_REJECTED = 3002
    MULTIPLE_ADDRESSES = 3003
    APPLICATION_ADDRESSING = 3004
    SERVICE_GENERAL_ERROR = 4000
    IMPROPER_IDENTIFICATION = 4001
    UNSUPPORTED_VERSION = 4002
    UNSUPPORTED_OPERATION = 4003
    VALIDATION_ERROR = 4004
    SERVICE_ERROR = 4005
    SERVICE_UNAVAILABLE = 4006
    SERVICE_DENIED = 4007
    APPLICATION_DENIED = 4008


TEXTS: dict[Status, str] = {
    Status.SUCCESS: "Success",
    Status.CLIENT_ERROR: "Client error",
    Status.ADDRESS_ERROR: "Address error",
    Status.CONTENT_REFUSED: "Multimedia content refused",
    Status.FORMAT_CORRUPT: "Message format corrupt",
    Status.SERVER_ERROR: "Server error",
    Status.MULTIPLE_ADDRESSES: "Multiple addresses not supported",
    Status.SERVICE_GENERAL_ERROR: "General service error",
    Status.IMPROPER_IDENTIFICATION: "Improper identification",
    Status.UNSUPPORTED_VERSION: "Unsupported version",
    Status.UNSUPPORTED_OPERATION: "Unsupported operation",
    Status.SERVICE_UNAVAILABLE: "Service unavailable",
}
"""Texts of the statuses that we respond with."""
