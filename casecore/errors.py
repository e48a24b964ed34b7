"""What can be wrong with a request to read or change records."""


class RecordError(Exception):
    """Base of this package's refusals; `code` is stable, the text is for people."""

    code = "record_error"


class NotFound(RecordError, LookupError):
    """No such record in this tenant, or none any more."""

    code = "not_found"


class AlreadyExists(RecordError):
    """Another record of the tenant has the same name, number or login."""

    code = "already_exists"


class UnknownReference(RecordError):
    """The record names another one that the tenant does not have."""

    code = "unknown_reference"


class StillInUse(RecordError):
    """Another record needs this one."""

    code = "still_in_use"


class NotStorable(RecordError, ValueError):
    """A value is outside what the record may hold."""

    code = "not_storable"
