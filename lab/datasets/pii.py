"""Columns that look personal: e-mail, phone and card numbers, IBANs by their values, others by their names."""

from __future__ import annotations

import re
from collections.abc import Callable

import polars as pl

from lab.domain.profiles import Pii

#: Values of a column that are looked at.
SAMPLE = 2_000

_EMAIL = r"(?i)^[^@\s,;<>]{1,64}@[a-z0-9-]+(\.[a-z0-9-]+)*\.[a-z]{2,}$"
_PHONE = r"^(\+|00|\(|0)?[\d\s().\-/]{6,24}$"
_PHONE_MARK = r"^(\+|00|\(0?\d|0[1-9])|\d[\s().\-/]+\d+[\s().\-/]+\d"
_NO_PHONE = r"^\d+([.,]\d*)?$|^\d{1,4}[./-]\d{1,2}[./-]\d{1,4}|^\d{1,3}(\.\d{1,3}){3}$|^\d+\s*-\s*\d+$"
_CARD = r"^[2-6]\d{12,18}$"
_IBAN = r"^[A-Z]{2}\d\d[A-Z0-9]{11,30}$"

#: The share of values from which a column counts as such. One number in ten passes Luhn's check by chance.
_LEAST = {"e-mail": 0.05, "iban": 0.05, "phone": 0.3, "card": 0.5}

#: Words of a column's name that say what it holds.
_NAMES = {
    "e-mail": {"email", "mail", "e_mail"},
    "phone": {"phone", "telephone", "mobile", "tel", "phonenumber"},
    "card": {"creditcard", "credit_card", "card_number", "cardnumber", "pan"},
    "iban": {"iban", "bank_account", "account_number"},
    "name": {
        "firstname", "first_name", "lastname", "last_name", "surname", "full_name", "fullname", "given_name",
        "family_name", "maiden_name", "person_name", "customer_name", "patient_name", "user_name", "username",
    },
    "address": {"address", "street", "postal_code", "zip_code", "zipcode", "postcode", "home_address"},
    "birth date": {"birthday", "birthdate", "birth_date", "date_of_birth", "dob"},
    "id number": {"ssn", "social_security_number", "passport", "passport_number", "national_id", "tax_id"},
    "ip address": {"ip", "ip_address", "ip_addr"},
}  # fmt: skip


def find(series: pl.Series) -> tuple[Pii, ...]:
    """What a column seems to hold, by its name and up to `SAMPLE` of the values that are not null."""
    named = {kind for kind, names in _NAMES.items() if _means(series.name, names)}
    shares = _shares(series)
    return tuple(
        Pii(kind, round(shares.get(kind, 0.0), 4), kind in named)
        for kind in dict.fromkeys([*_LEAST, *_NAMES])
        if kind in named or shares.get(kind, 0.0) >= _LEAST.get(kind, 2.0)
    )


def _means(name: str, names: set[str]) -> bool:
    """Whether a name has one of these as words in it, however they are joined: `Customer E-Mail`, `userEmail`."""
    snake = re.sub(r"[^a-z0-9]+", "_", re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()).strip("_")
    return any(f"_{known}_" in f"_{snake}_" for known in names)


def _shares(series: pl.Series) -> dict[str, float]:
    """Shares of matching values by kind; nothing for columns that can hold none of them."""
    if not (series.dtype.is_integer() or series.dtype in (pl.String, pl.Categorical, pl.Enum)):
        return {}
    known = series.rename("value").drop_nulls()
    if not len(known):
        return {}
    # From all over the column: what comes first may be of one kind.
    values = known.gather_every(-(-len(known) // SAMPLE)).cast(pl.String).str.strip_chars()
    cards = _checked(values, "[ -]", _CARD, luhn)
    found = {"card": int(cards.sum())}
    if not series.dtype.is_integer():
        phone = values.str.contains(_PHONE) & values.str.contains(_PHONE_MARK) & ~values.str.contains(_NO_PHONE)
        digits = values.str.count_matches(r"\d").is_between(7, 15)
        found |= {
            "e-mail": int(values.str.contains(_EMAIL).sum()),
            "phone": int((phone & digits & ~cards).sum()),
            "iban": int(_checked(values, " ", _IBAN, iban).sum()),
        }
    return {kind: count / len(values) for kind, count in found.items()}


def _checked(values: pl.Series, filler: str, pattern: str, holds: Callable[[str], bool]) -> pl.Series:
    """Which values have the form, and check digits that hold."""
    compact = values.str.replace_all(filler, "")
    formed = compact.str.contains(pattern)
    return pl.Series([form and holds(text) for form, text in zip(formed, compact, strict=True)], dtype=pl.Boolean)


def luhn(digits: str) -> bool:
    """Whether the last digit of a card number checks the others (Luhn 1960, ISO/IEC 7812-1)."""
    total = 0
    for place, digit in enumerate(reversed(digits)):
        value = int(digit) * (1 + place % 2)
        total += value - 9 * (value > 9)
    return total % 10 == 0


def iban(text: str) -> bool:
    """Whether the check digits of an IBAN are right: letters as 10 to 35, remainder 1 by 97 (ISO 13616, ISO 7064)."""
    return int("".join(str(int(char, 36)) for char in text[4:] + text[:4])) % 97 == 1
