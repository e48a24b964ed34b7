"""Which transaction a message belongs to, and how many there may be."""

from collections.abc import Sequence

import pytest

from telephony.sip.ack_wait import AckWait
from telephony.sip.effects import AckNotReceived, Effect, SendMessage
from telephony.sip.message import Request, make_response
from telephony.sip.parser import parse_message
from telephony.sip.transactions import Entry, ServerEntry, TransactionTable, server_key
from tests.support.sip_wire import request


class Carrier:
    """Writes down which effects the table's entries asked for."""

    def __init__(self) -> None:
        self.carried: list[tuple[object, Sequence[Effect]]] = []

    def __call__(self, entry: Entry[str], effects: Sequence[Effect]) -> None:
        self.carried.append((entry, effects))


def table(*, limit: int = 100) -> TransactionTable[str]:
    return TransactionTable(limit=limit, carry_out=Carrier())


def read(method: str = "INVITE", **changes: object) -> Request:
    message = parse_message(request(method, **changes).encode())  # type: ignore[arg-type]
    assert isinstance(message, Request)
    return message


def add(own: TransactionTable[str], message: Request, flow: str = "flow") -> ServerEntry[str]:
    return own.add_server(message, server_key(message), flow, reliable=False)


@pytest.mark.parametrize("method", ["INVITE", "ACK", "CANCEL"])
def test_repeats_ack_and_cancel_have_the_key_of_their_invite(method: str) -> None:
    own = table()
    entry = add(own, read())
    assert own.find_server(server_key(read(method))) is entry


@pytest.mark.parametrize(
    ("method", "changes"),
    [
        ("BYE", {}),
        ("INVITE", {"branch": "z9hG4bKother"}),
        ("INVITE", {"via": "SIP/2.0/UDP 192.0.2.8:5070"}),
        ("INVITE", {"via": "SIP/2.0/UDP 192.0.2.7:5071"}),
    ],
)
def test_other_methods_branches_and_senders_have_other_keys(
    method: str, changes: dict[str, str]
) -> None:
    assert server_key(read(method, **changes)) != server_key(read())


def test_without_the_cookie_the_call_and_the_number_count_too() -> None:
    first = read(branch="1")
    assert server_key(first) == server_key(read("ACK", branch="1"))
    assert server_key(first) != server_key(read(branch="1", cseq=2))
    assert server_key(first) != server_key(read(branch="1", call_id="another"))


def test_a_copy_by_another_way_is_merged_until_the_first_is_over() -> None:
    own = table()
    entry = add(own, read())
    copy = read(branch="z9hG4bKcopy")
    assert own.is_merged(copy, server_key(copy))
    assert not own.is_merged(read(), server_key(read()))
    entry.machine.send_response(486, b"", now=0)
    entry.machine.handle_timeout(now=32)
    own.update(entry)
    assert not own.is_merged(copy, server_key(copy))
    assert len(own) == 0


def test_requests_inside_a_dialog_are_never_merged() -> None:
    own = table()
    add(own, read(to="<sip:x@y>;tag=t"))
    copy = read(branch="z9hG4bKcopy")
    assert not own.is_merged(copy, server_key(copy))


def test_a_response_finds_its_request_by_branch_and_method() -> None:
    own = table()
    sent = read("BYE")
    entry = own.add_client(sent, "flow", "user", reliable=False)
    assert own.find_client(make_response(sent, 200)) is entry
    assert own.find_client(make_response(read("INFO"), 200)) is None
    assert own.find_client(make_response(read("BYE", branch="z9hG4bKx"), 200)) is None
    entry.machine.transport_failed()
    own.update(entry)
    assert own.find_client(make_response(sent, 200)) is None


def test_a_full_table_forgets_what_only_absorbs_repeats_the_oldest_first() -> None:
    own = table(limit=2)
    first = add(own, read("BYE", branch="z9hG4bK1"))
    second = add(own, read("BYE", branch="z9hG4bK2"))
    assert not own.has_room()
    for entry in (first, second):
        entry.machine.send_response(200, b"", now=0)
        own.update(entry)
        own.update(entry)
    assert own.has_room()
    own.add_client(read("INFO", branch="z9hG4bK3"), "flow", None, reliable=False)
    assert own.find_server(first.key) is None
    assert own.find_server(second.key) is second
    assert len(own) == 2


def test_what_is_at_work_is_never_forgotten() -> None:
    own = table(limit=1)
    first = add(own, read("BYE", branch="z9hG4bK1"))
    own.update(first)
    add(own, read("BYE", branch="z9hG4bK2"))
    assert own.find_server(first.key) is first


def test_the_transactions_of_a_flow_are_found() -> None:
    own = table()
    server = add(own, read(), "a")
    add(own, read(branch="z9hG4bK2"), "b")
    client = own.add_client(read("BYE", branch="z9hG4bK3"), "a", None, reliable=True)
    assert own.on_flow("a") == [server, client]


def test_entries_pass_the_effects_of_their_timers_on() -> None:
    carrier = Carrier()
    own: TransactionTable[str] = TransactionTable(limit=9, carry_out=carrier)
    client = own.add_client(read("BYE"), "flow", None, reliable=False)
    client.machine.start(now=0)
    assert client.next_timeout() == 0.5
    client.handle_timeout(now=0.5)
    server = add(own, read())
    assert server.next_timeout() is None
    server.handle_timeout(now=1)
    assert [entry for entry, _ in carrier.carried] == [client, server]
    assert carrier.carried[1][1] == []


# the 2xx that waits for its ACK


def run(wait: AckWait, until: float) -> list[tuple[float, object]]:
    seen: list[tuple[float, object]] = []
    while (due := wait.next_timeout()) is not None and due <= until:
        seen += [(due, effect) for effect in wait.handle_timeout(now=due)]
    return seen


def test_a_2xx_repeats_up_to_t2_until_it_is_given_up() -> None:
    wait = AckWait(b"ok", now=0)
    *repeats, last = run(wait, 100)
    assert [at for at, _ in repeats] == [*(0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5, 31.5)]
    assert {effect for _, effect in repeats} == {SendMessage(b"ok")}
    assert last == (32.0, AckNotReceived())
    assert wait.next_timeout() is None


def test_its_ack_ends_the_repeats() -> None:
    wait = AckWait(b"ok", now=0)
    assert wait.handle_timeout(now=0.4) == []
    wait.receive_ack()
    assert run(wait, 100) == []
    assert wait.handle_timeout(now=99) == []
