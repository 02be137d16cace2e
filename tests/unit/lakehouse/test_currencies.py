"""The table of currencies."""

import re

import pytest

from lakehouse.contracts.currencies import EXPONENTS, exponent


def test_the_codes_have_the_form_of_codes() -> None:
    assert all(re.fullmatch("[A-Z]{3}", code) for code in EXPONENTS)
    assert set(EXPONENTS.values()) == {0, 2, 3, 4}


@pytest.mark.parametrize(("code", "digits"), [("JPY", 0), ("BRL", 2), ("KWD", 3), ("CLF", 4), ("XAU", 0), ("DEM", 2)])
def test_minor_units(code: str, digits: int) -> None:
    assert exponent(code) == digits


@pytest.mark.parametrize("code", ["XXX", "XTS", "usd", "US", "USDX", "", "ZZZ"])
def test_what_is_no_currency(code: str) -> None:
    with pytest.raises(KeyError):
        exponent(code)
