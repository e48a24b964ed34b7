"""Who hears whom: every way in which people can be together in a conversation."""

from telephony.calls.audibility import ASIDE, Audibility, Mode


def conversation(*names: str) -> Audibility[str]:
    made: Audibility[str] = Audibility()
    for name in names:
        made.add(name)
    return made


def heard(people: Audibility[str]) -> set[str]:
    """`ab` for everybody `a` who hears somebody `b`."""
    keys = [member.key for member in people]
    return {f"{ear}{mouth}" for ear in keys for mouth in keys if people.hears(ear, mouth)}


def waiting(people: Audibility[str]) -> str:
    return "".join(member.key for member in people if people.waits(member.key))


def test_two_hear_each_other_and_not_themselves() -> None:
    people = conversation("c", "a")
    assert heard(people) == {"ca", "ac"}
    assert waiting(people) == ""


def test_hold_is_heard_as_music_by_those_who_stay() -> None:
    people = conversation("c", "a")
    people["a"].on_hold.add("phone")
    assert heard(people) == set()
    assert waiting(people) == "c"
    people["a"].on_hold.add("interface")
    people["a"].on_hold.discard("phone")
    assert waiting(people) == "c", "held twice, resumed once"
    people["a"].on_hold.clear()
    assert heard(people) == {"ca", "ac"}


def test_both_on_hold_hear_nothing_at_all() -> None:
    people = conversation("c", "a")
    for name in "ca":
        people[name].on_hold.add("phone")
    assert heard(people) == set()
    assert waiting(people) == ""


def test_mute_is_silence_and_no_hold() -> None:
    people = conversation("c", "a")
    people["a"].muted = True
    assert heard(people) == {"ac"}
    assert waiting(people) == ""


def test_one_alone_waits() -> None:
    assert waiting(conversation("c")) == "c"


def test_advice_is_not_heard_by_the_caller() -> None:
    people = conversation("c", "a")
    people.add("b", room=ASIDE)
    people["a"].room = ASIDE
    assert heard(people) == {"ab", "ba"}
    assert waiting(people) == "c"
    people["a"].room = people["b"].room = 0
    assert heard(people) == {"ab", "ba", "ac", "ca", "bc", "cb"}
    people.remove("a")
    assert heard(people) == {"bc", "cb"}


def test_a_listener_hears_all_and_is_heard_by_nobody() -> None:
    people = conversation("c", "a", "s")
    people["s"].mode, people["s"].follows = Mode.LISTEN, "a"
    assert heard(people) == {"ca", "ac", "sa", "sc"}
    assert waiting(people) == ""


def test_a_whisper_reaches_only_the_agent() -> None:
    people = conversation("c", "a", "s")
    people["s"].mode, people["s"].follows = Mode.WHISPER, "a"
    assert heard(people) == {"ca", "ac", "sa", "sc", "as"}


def test_barge_makes_three() -> None:
    people = conversation("c", "a", "s")
    people["s"].mode, people["s"].follows = Mode.BARGE, "a"
    assert heard(people) == {"ca", "ac", "sa", "sc", "as", "cs"}


def test_two_supervisors_do_not_hear_each_other_listen() -> None:
    people = conversation("c", "a", "s", "t")
    for name, mode in (("s", Mode.LISTEN), ("t", Mode.WHISPER)):
        people[name].mode, people[name].follows = mode, "a"
    assert heard(people) == {"ca", "ac", "sa", "sc", "ta", "tc", "at"}


def test_a_supervisor_follows_the_agent_into_another_room() -> None:
    people = conversation("c", "a", "s")
    people["s"].mode, people["s"].follows = Mode.WHISPER, "a"
    people.add("b", room=ASIDE)
    people["a"].room = ASIDE
    assert heard(people) == {"ab", "ba", "sa", "sb", "as"}
    assert waiting(people) == "c", "an observer is no company"


def test_a_supervisor_whose_agent_is_gone_hears_nothing() -> None:
    people = conversation("c", "a", "s")
    people["s"].mode, people["s"].follows = Mode.LISTEN, "a"
    people.remove("a")
    assert heard(people) == set()
    assert waiting(people) == "c"


def test_a_listener_hears_the_agent_who_has_put_the_caller_on_hold() -> None:
    people = conversation("c", "a", "s")
    people["s"].mode, people["s"].follows = Mode.LISTEN, "a"
    people["c"].on_hold.add("phone")
    assert heard(people) == {"sa"}
