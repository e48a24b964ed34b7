"""How the numbers that peers send are read."""

from uuid import UUID

import pytest

from telephony.directory import Directory, Number
from telephony.numbers import caller_of, cleaned, number_key, user_of
from telephony.sip.uri import SipUri
from tests.support.registrations import TENANT, request


@pytest.mark.parametrize(
    ("uri", "user"),
    [
        ("sip:5000@pbx.example", "5000"),
        ("sip:+49%20(30)%20901-820@pbx.example", "+4930901820"),
        ("tel:+49-30-901820;phone-context=x", "+4930901820"),
        ("sip:+4930901820;npdi@pbx.example;user=phone", "+4930901820"),
        ("sip:*45@pbx.example", "*45"),
        ("sip:anna.k-b@pbx.example", "anna.k-b"),
        ("sip:pbx.example", ""),
        ("sip:().-@pbx.example", "().-"),
    ],
)
def test_separators_and_user_parameters_are_left_out(uri: str, user: str) -> None:
    assert user_of(SipUri.parse(uri)) == user


@pytest.mark.parametrize(
    ("number", "key"),
    [
        ("004930901820", "+4930901820"),
        ("+4930901820", "+4930901820"),
        ("030901820", "030901820"),
        ("00", "00"),
        ("00*", "00*"),
        ("anna", "anna"),
    ],
)
def test_both_forms_of_an_international_number_are_one(number: str, key: str) -> None:
    assert number_key(number) == key


def test_a_number_is_found_in_either_spelling() -> None:
    flow_id = UUID(int=7)
    directory = Directory(numbers=[Number(TENANT, "+4930901820", flow_id)])
    for dialled in ("004930901820", "+4930901820", cleaned("+49 (30) 901-820")):
        found = directory.find_number(TENANT, dialled)
        assert found is not None, dialled
        assert found.flow_id == flow_id
    assert directory.find_number(TENANT, "4930901820") is None


@pytest.mark.parametrize(
    ("user", "headers", "caller"),
    [
        ("0301234", (), "0301234"),
        ("anonymous", (), ""),
        ("Anonymous", (), ""),
        ("0301234", (("Privacy", "none"),), "0301234"),
        ("0301234", (("Privacy", "user;critical"),), ""),
        ("0301234", (("Privacy", "ID"),), ""),
    ],
)
def test_a_withheld_number_is_no_number(
    user: str, headers: tuple[tuple[str, str], ...], caller: str
) -> None:
    message = request("INVITE", "sip:5000@pbx.example", user=user, headers=headers)
    assert caller_of(message) == caller
