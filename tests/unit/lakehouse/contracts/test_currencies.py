"""The table of currencies."""

import re

import pytest

from lakehouse.contracts.currencies import EXPONENTS, exponent


def test_the_codes_have_the_form_of_codes() -> None:
    assert all(re.fullmatch("[A-Z]{3}", code) for code in EXPONENTS)
    assert set(EXPONENTS.values()) == {0, 2, 3, 4}


@pytest.mark.parametrize(
    ("code", "digits"),
    [
        ("JPY", 0),
        ("BRL", 2),
        ("KWD", 3),
        ("CLF", 4),
        ("XAU", 0),
        ("DEM", 2),
        ("ADP", 0),
        ("ECS", 0),
        ("BYB", 0),
        ("BYN", 2),
        ("TRL", 0),
        ("TRY", 2),
        ("MGF", 0),
        ("XFO", 0),
        ("ROL", 2),
    ],
)
def test_minor_units(code: str, digits: int) -> None:
    assert exponent(code) == digits


@pytest.mark.parametrize("code", ["XXX", "XTS", "usd", "US", "USDX", "", "ZZZ"])
def test_what_is_no_currency(code: str) -> None:
    with pytest.raises(KeyError):
        exponent(code)


LIST_THREE = """
ADP:2003-07 AFA:2003-01 ANG:2025-03 AON:2000-02 AOR:2000-02 ATS:2002-03 AYM:2005-10 AZM:2005-12 BEF:2002-03
BGL:2003-11 BGN:2026-01 BYB:2001-01 BYR:2017-01 CHC:2004-11 CSD:2006-10 CUC:2021-06 CYP:2008-01 DEM:2002-03
ECS:2000-09 ECV:2000-09 EEK:2011-01 ESP:2002-03 FIM:2002-03 FRF:2002-03 GHC:2008-01 GHP:2007-06 GRD:2002-03
HRK:2023-01 IEP:2002-03 ITL:2002-03 LTL:2014-12 LUF:2002-03 LVL:2014-01 MGF:2004-12 MRO:2017-12 MTL:2008-01
MZM:2006-06 NLG:2002-03 PTE:2002-03 ROL:2005-06 RUR:2004-01 SDD:2007-07 SIT:2007-01 SKK:2009-01 SLL:2023-12
SRG:2003-12 STD:2017-12 TJR:2001-04 TMM:2009-01 TPE:2002-11 TRL:2005-12 USS:2014-03 VEB:2008-01 VEF:2018-08
XFO:2006-10 XFU:2013-11 YUM:2003-07 ZMK:2012-12 ZWD:2008-08 ZWL:2024-09 ZWN:2006-09 ZWR:2009-06
"""
"""ISO 4217, list three as published on 2026-01-01: the codes that no country has today and that one had in 2000, with
the latest month in which one of them gave it up."""

WITHDRAWN_BEFORE = """
ALK AOK ARA ARP ARY BAD BEC BEL BGJ BGK BOP BRB BRC BRE BRN BRR BUK CSJ CSK DDM ESA ESB GEK GNE GNS GQE GWE GWP HRD ILP
ILR ISJ LAJ LSM LTT LUC LUL LVR MLF MTP MVQ MXP MZE NIC PEH PEI PES PLZ RHD ROK SDP SUR UAK UGS UGW UYN UYP VNC XEU XRE
YDD YUD YUN ZAL ZRN ZRZ ZWC
"""
"""The rest of list three: nobody can have sold for these after 1999."""


@pytest.mark.parametrize("entry", LIST_THREE.split())
def test_a_currency_withdrawn_since_2000_is_taken(entry: str) -> None:
    code, _, month = entry.partition(":")
    assert month >= "2000-01"
    assert code in EXPONENTS


@pytest.mark.parametrize("code", WITHDRAWN_BEFORE.split())
def test_a_currency_withdrawn_before_is_not(code: str) -> None:
    assert code not in EXPONENTS


def test_nothing_else_is_in_the_table() -> None:
    """178 codes are in list one, without XXX and XTS."""
    assert len(EXPONENTS) - len(LIST_THREE.split()) == 178 - 2
