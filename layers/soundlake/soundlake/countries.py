"""Countries: their names, where on Earth they lie, and the season there on a date.

The codes are those of ISO 3166-1, and XK, which Spotify uses for Kosovo. Regions and subregions
are named as the United Nations' M49 names them; where M49 has no place of its own for a country,
it is put with its neighbours.
"""

from dataclasses import dataclass
from datetime import date
from typing import Literal

Hemisphere = Literal["north", "south"]
Season = Literal["winter", "spring", "summer", "autumn"]


@dataclass(frozen=True, slots=True)
class Country:
    """A country; `hemisphere` is the one where most of its people live."""

    code: str
    name: str
    region: str | None
    subregion: str | None
    hemisphere: Hemisphere


# Codes and English names, as short as they are clear, by region and subregion.
_NAMES: dict[tuple[str | None, str | None], dict[str, str]] = {
    ("Africa", "Northern Africa"): {
        "DZ": "Algeria",
        "EG": "Egypt",
        "EH": "Western Sahara",
        "LY": "Libya",
        "MA": "Morocco",
        "SD": "Sudan",
        "TN": "Tunisia",
    },
    ("Africa", "Eastern Africa"): {
        "BI": "Burundi",
        "DJ": "Djibouti",
        "ER": "Eritrea",
        "ET": "Ethiopia",
        "IO": "British Indian Ocean Territory",
        "KE": "Kenya",
        "KM": "Comoros",
        "MG": "Madagascar",
        "MU": "Mauritius",
        "MW": "Malawi",
        "MZ": "Mozambique",
        "RE": "Réunion",
        "RW": "Rwanda",
        "SC": "Seychelles",
        "SO": "Somalia",
        "SS": "South Sudan",
        "TF": "French Southern Territories",
        "TZ": "Tanzania",
        "UG": "Uganda",
        "YT": "Mayotte",
        "ZM": "Zambia",
        "ZW": "Zimbabwe",
    },
    ("Africa", "Middle Africa"): {
        "AO": "Angola",
        "CD": "Democratic Republic of the Congo",
        "CF": "Central African Republic",
        "CG": "Republic of the Congo",
        "CM": "Cameroon",
        "GA": "Gabon",
        "GQ": "Equatorial Guinea",
        "ST": "São Tomé and Príncipe",
        "TD": "Chad",
    },
    ("Africa", "Southern Africa"): {
        "BW": "Botswana",
        "LS": "Lesotho",
        "NA": "Namibia",
        "SZ": "Eswatini",
        "ZA": "South Africa",
    },
    ("Africa", "Western Africa"): {
        "BF": "Burkina Faso",
        "BJ": "Benin",
        "CI": "Côte d'Ivoire",
        "CV": "Cabo Verde",
        "GH": "Ghana",
        "GM": "Gambia",
        "GN": "Guinea",
        "GW": "Guinea-Bissau",
        "LR": "Liberia",
        "ML": "Mali",
        "MR": "Mauritania",
        "NE": "Niger",
        "NG": "Nigeria",
        "SH": "Saint Helena, Ascension and Tristan da Cunha",
        "SL": "Sierra Leone",
        "SN": "Senegal",
        "TG": "Togo",
    },
    ("Americas", "Caribbean"): {
        "AG": "Antigua and Barbuda",
        "AI": "Anguilla",
        "AW": "Aruba",
        "BB": "Barbados",
        "BL": "Saint Barthélemy",
        "BQ": "Bonaire, Sint Eustatius and Saba",
        "BS": "Bahamas",
        "CU": "Cuba",
        "CW": "Curaçao",
        "DM": "Dominica",
        "DO": "Dominican Republic",
        "GD": "Grenada",
        "GP": "Guadeloupe",
        "HT": "Haiti",
        "JM": "Jamaica",
        "KN": "Saint Kitts and Nevis",
        "KY": "Cayman Islands",
        "LC": "Saint Lucia",
        "MF": "Saint Martin (French part)",
        "MQ": "Martinique",
        "MS": "Montserrat",
        "PR": "Puerto Rico",
        "SX": "Sint Maarten (Dutch part)",
        "TC": "Turks and Caicos Islands",
        "TT": "Trinidad and Tobago",
        "VC": "Saint Vincent and the Grenadines",
        "VG": "British Virgin Islands",
        "VI": "United States Virgin Islands",
    },
    ("Americas", "Central America"): {
        "BZ": "Belize",
        "CR": "Costa Rica",
        "GT": "Guatemala",
        "HN": "Honduras",
        "MX": "Mexico",
        "NI": "Nicaragua",
        "PA": "Panama",
        "SV": "El Salvador",
    },
    ("Americas", "Northern America"): {
        "BM": "Bermuda",
        "CA": "Canada",
        "GL": "Greenland",
        "PM": "Saint Pierre and Miquelon",
        "US": "United States",
    },
    ("Americas", "South America"): {
        "AR": "Argentina",
        "BO": "Bolivia",
        "BR": "Brazil",
        "BV": "Bouvet Island",
        "CL": "Chile",
        "CO": "Colombia",
        "EC": "Ecuador",
        "FK": "Falkland Islands (Malvinas)",
        "GF": "French Guiana",
        "GS": "South Georgia and the South Sandwich Islands",
        "GY": "Guyana",
        "PE": "Peru",
        "PY": "Paraguay",
        "SR": "Suriname",
        "UY": "Uruguay",
        "VE": "Venezuela",
    },
    ("Asia", "Central Asia"): {
        "KG": "Kyrgyzstan",
        "KZ": "Kazakhstan",
        "TJ": "Tajikistan",
        "TM": "Turkmenistan",
        "UZ": "Uzbekistan",
    },
    ("Asia", "Eastern Asia"): {
        "CN": "China",
        "HK": "Hong Kong",
        "JP": "Japan",
        "KP": "North Korea",
        "KR": "South Korea",
        "MN": "Mongolia",
        "MO": "Macao",
        "TW": "Taiwan",
    },
    ("Asia", "South-eastern Asia"): {
        "BN": "Brunei Darussalam",
        "ID": "Indonesia",
        "KH": "Cambodia",
        "LA": "Laos",
        "MM": "Myanmar",
        "MY": "Malaysia",
        "PH": "Philippines",
        "SG": "Singapore",
        "TH": "Thailand",
        "TL": "Timor-Leste",
        "VN": "Vietnam",
    },
    ("Asia", "Southern Asia"): {
        "AF": "Afghanistan",
        "BD": "Bangladesh",
        "BT": "Bhutan",
        "IN": "India",
        "IR": "Iran",
        "LK": "Sri Lanka",
        "MV": "Maldives",
        "NP": "Nepal",
        "PK": "Pakistan",
    },
    ("Asia", "Western Asia"): {
        "AE": "United Arab Emirates",
        "AM": "Armenia",
        "AZ": "Azerbaijan",
        "BH": "Bahrain",
        "CY": "Cyprus",
        "GE": "Georgia",
        "IL": "Israel",
        "IQ": "Iraq",
        "JO": "Jordan",
        "KW": "Kuwait",
        "LB": "Lebanon",
        "OM": "Oman",
        "PS": "Palestine",
        "QA": "Qatar",
        "SA": "Saudi Arabia",
        "SY": "Syria",
        "TR": "Turkey",
        "YE": "Yemen",
    },
    ("Europe", "Eastern Europe"): {
        "BG": "Bulgaria",
        "BY": "Belarus",
        "CZ": "Czechia",
        "HU": "Hungary",
        "MD": "Moldova",
        "PL": "Poland",
        "RO": "Romania",
        "RU": "Russia",
        "SK": "Slovakia",
        "UA": "Ukraine",
    },
    ("Europe", "Northern Europe"): {
        "AX": "Åland Islands",
        "DK": "Denmark",
        "EE": "Estonia",
        "FI": "Finland",
        "FO": "Faroe Islands",
        "GB": "United Kingdom",
        "GG": "Guernsey",
        "IE": "Ireland",
        "IM": "Isle of Man",
        "IS": "Iceland",
        "JE": "Jersey",
        "LT": "Lithuania",
        "LV": "Latvia",
        "NO": "Norway",
        "SE": "Sweden",
        "SJ": "Svalbard and Jan Mayen",
    },
    ("Europe", "Southern Europe"): {
        "AD": "Andorra",
        "AL": "Albania",
        "BA": "Bosnia and Herzegovina",
        "ES": "Spain",
        "GI": "Gibraltar",
        "GR": "Greece",
        "HR": "Croatia",
        "IT": "Italy",
        "ME": "Montenegro",
        "MK": "North Macedonia",
        "MT": "Malta",
        "PT": "Portugal",
        "RS": "Serbia",
        "SI": "Slovenia",
        "SM": "San Marino",
        "VA": "Vatican City",
        "XK": "Kosovo",
    },
    ("Europe", "Western Europe"): {
        "AT": "Austria",
        "BE": "Belgium",
        "CH": "Switzerland",
        "DE": "Germany",
        "FR": "France",
        "LI": "Liechtenstein",
        "LU": "Luxembourg",
        "MC": "Monaco",
        "NL": "Netherlands",
    },
    ("Oceania", "Australia and New Zealand"): {
        "AU": "Australia",
        "CC": "Cocos (Keeling) Islands",
        "CX": "Christmas Island",
        "HM": "Heard Island and McDonald Islands",
        "NF": "Norfolk Island",
        "NZ": "New Zealand",
    },
    ("Oceania", "Melanesia"): {
        "FJ": "Fiji",
        "NC": "New Caledonia",
        "PG": "Papua New Guinea",
        "SB": "Solomon Islands",
        "VU": "Vanuatu",
    },
    ("Oceania", "Micronesia"): {
        "FM": "Micronesia",
        "GU": "Guam",
        "KI": "Kiribati",
        "MH": "Marshall Islands",
        "MP": "Northern Mariana Islands",
        "NR": "Nauru",
        "PW": "Palau",
        "UM": "United States Minor Outlying Islands",
    },
    ("Oceania", "Polynesia"): {
        "AS": "American Samoa",
        "CK": "Cook Islands",
        "NU": "Niue",
        "PF": "French Polynesia",
        "PN": "Pitcairn",
        "TK": "Tokelau",
        "TO": "Tonga",
        "TV": "Tuvalu",
        "WF": "Wallis and Futuna",
        "WS": "Samoa",
    },
    (None, None): {"AQ": "Antarctica"},
}
_SOUTHERN = """
    AO AQ AR AS AU BI BO BR BV BW CC CD CG CK CL CX EC FJ FK GS HM ID IO KE KM LS MG MU MW MZ NA NC
    NF NR NU NZ PE PF PG PN PY RE RW SB SC SH SZ TF TK TL TO TV TZ UY VU WF WS YT ZA ZM ZW
"""
_SEASONS: tuple[Season, ...] = ("winter", "spring", "summer", "autumn")  # the north's, by quarter


def _countries() -> dict[str, Country]:
    southern = set(_SOUTHERN.split())
    return {
        code: Country(code, name, region, subregion, "south" if code in southern else "north")
        for (region, subregion), names in _NAMES.items()
        for code, name in names.items()
    }


COUNTRIES = _countries()


def season(day: date, hemisphere: Hemisphere | None) -> Season | None:
    """The meteorological season on a date: December to February is the north's winter.

    Null without a hemisphere.
    """
    if hemisphere is None:
        return None
    quarter = day.month % 12 // 3
    return _SEASONS[quarter if hemisphere == "north" else (quarter + 2) % 4]
