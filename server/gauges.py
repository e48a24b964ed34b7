"""The figures that `/metrics` reads from the running parts at the moment it is asked."""

from media.engine import MediaEngine
from server.feed import EventFeed
from server.journal.journal import Journal
from server.metrics import Gauge
from server.tls import TlsCertificate
from telephony.endpoint import SipEndpoint
from telephony.switchboard import Switchboard


def gauges_of(
    switchboard: Switchboard,
    endpoint: SipEndpoint,
    engine: MediaEngine,
    journal: Journal,
    feed: EventFeed,
) -> list[Gauge]:
    def sip(name: str, text: str, attribute: str) -> Gauge:
        return Gauge(name, text, lambda: getattr(endpoint.statistics.user_agent, attribute))

    def media(name: str, text: str, attribute: str) -> Gauge:
        return Gauge(name, text, lambda: getattr(engine.statistics(), attribute))

    return [
        Gauge("murima_calls", "Calls that are alive", lambda: len(switchboard)),
        media("murima_media_legs", "Open media legs", "legs"),
        media("murima_media_bridges", "Open bridges", "bridges"),
        media("murima_media_recordings", "Recordings being written", "recordings"),
        media("murima_media_overruns", "Media ticks that began late", "overruns"),
        media("murima_media_tick_us_p99", "Processor time of media ticks", "tick_us_p99"),
        media("murima_media_late_us_p99", "Lateness of media ticks", "late_us_p99"),
        sip("murima_sip_dialogs", "SIP dialogs", "dialogs"),
        sip("murima_sip_transactions", "SIP transactions", "transactions"),
        sip("murima_sip_retransmissions", "Messages sent again", "retransmissions_sent"),
        sip("murima_sip_malformed", "Messages that could not be read", "malformed"),
        sip("murima_sip_refused", "Requests refused", "refused"),
        Gauge(
            "murima_journal_behind", "1 while records wait for the database", lambda: journal.behind
        ),
        Gauge(
            "murima_journal_rejected",
            "Records that could not be stored",
            lambda: journal.rejected,
        ),
        Gauge("murima_feed_subscribers", "Open event feeds", lambda: feed.subscribers),
    ]


def expiry_gauge(certificate: TlsCertificate) -> Gauge:
    return Gauge(
        "murima_tls_certificate_expires_timestamp_seconds",
        "When browsers begin to refuse the server's certificate",
        lambda: certificate.expires_at.timestamp(),
    )
