"""ISO 4217 currency codes and their minor units: how many decimal digits an integer amount carries.

In: an upper-case code. Out: its exponent. The table holds today's codes (list one, funds and metals included) and those
withdrawn since 2000, because importing history is normal. ``XXX`` (no currency) and ``XTS`` (testing) are left out on
purpose. A code without a minor unit (``XAU``) has exponent 0.
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
    0: "BEF BYB BYR ESP GRD ITL LUF MGF PTE TPE TRL",
    2: "AFA ANG ATS AZM BGN CSD CUC CYP DEM EEK FIM FRF GHC GWP HRK IEP LTL LVL MRO MTL MZM NLG ROL RUR SDD SIT SKK "
    "SLL SRG STD TMM USS VEB VEF XFU YUM ZMK ZWD ZWL ZWN ZWR",
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
