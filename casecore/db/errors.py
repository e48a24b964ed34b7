"""What can be wrong with the database itself."""


class DatabaseError(Exception):
    """Base; the text is one line for the person who runs the installation."""

    code = "database_error"


class DatabaseUnavailable(DatabaseError):
    """The database cannot serve now; the same work may be tried again later."""

    code = "database_unavailable"


class DatabaseUnfit(DatabaseError):
    """The database can be reached, but must not or cannot be used as it is."""

    code = "database_unfit"


class MigrationRefused(DatabaseError):
    """The schema cannot be brought up to date."""

    code = "migration_refused"


class EmbeddedPostgresFailed(DatabaseError):
    """The PostgreSQL that comes with the server cannot be started."""

    code = "embedded_postgres_failed"
