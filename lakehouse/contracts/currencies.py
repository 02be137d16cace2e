"""ISO 4217 currency codes and their minor units: how many decimal digits an integer amount carries.

In: an upper-case code. Out: its exponent. The table holds today's codes (list one, funds and metals included) and those
of list three (historic denominations) whose withdrawal date there is 2000-01 or later, because importing history is
normal: an event may be as old as that. Codes withdrawn before (``XEU``, ``ZRN``, ``GWP``) are left out, and on purpose
``XXX`` (no currency) and ``XTS`` (testing). A code without a minor unit (``XAU``, ``XFO``) has exponent 0.

List three gives no minor units. Those here are what was published while a code was in force. A currency that was
renamed got a new code (``BYB``, ``BYR``, ``BYN``), and each keeps its own exponent.
"""

_TODAY: dict[int, str] = {
    0: "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF "
    "XAG XAU XBA XBB XBC XBD XDR XPD XPT XSU XUA",
    2: "AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BMD BND BOB BOV BRL BSD BTN BWP BYN BZD CAD CDF CHE CHF "
    "CHW CNY COP COU CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL "
    "HTG HUF IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU "
    "MUR MVR MWK MXN MXV MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR "
    "SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD USN UYU UZS VED "
    "VES WST XAD XCD XCG YER ZAR ZMW ZWG",
    3: "BHD IQD JOD KWD LYD OMR TND",
    4: "CLF UYW",
}

_WITHDRAWN_SINCE_2000: dict[int, str] = {
    0: "ADP AON AOR BEF BYB BYR ECS ESP GRD ITL LUF MGF PTE TJR TPE TRL XFO XFU",
    2: "AFA ANG ATS AYM AZM BGL BGN CHC CSD CUC CYP DEM ECV EEK FIM FRF GHC GHP HRK IEP LTL LVL MRO MTL MZM NLG ROL "
    "RUR SDD SIT SKK SLL SRG STD TMM USS VEB VEF YUM ZMK ZWD ZWL ZWN ZWR",
}

EXPONENTS: dict[str, int] = {
    code: exponent
    for table in (_WITHDRAWN_SINCE_2000, _TODAY)
    for exponent, codes in table.items()
    for code in codes.split()
}
"""Decimal digits by code."""


def exponent(code: str) -> int:
    """Decimal digits of the currency; raises KeyError for what is not in the table."""
    return EXPONENTS[code]
