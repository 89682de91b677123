"""Times in every common form are read rightly, and what has two meanings is refused with the reason."""

import pytest

from autograder.hosts.nbgrader.times import UnreadableTime, decode, parse

RIGHT = "2027-01-02 03:04:05"

SAME = [
    "2027-01-02 03:04:05.000000 UTC",  # nbgrader's own
    "2027-01-02 03:04:05",
    "2027-01-02 03:04:05 utc",
    "2027-01-02 03:04:05 Z",
    "2027-01-02 04:04:05 +0100",
    "2027-01-02 04:04:05 +01:00",
    "2027-01-02 04:04:05+01",
    "2027-01-01 22:04:05 -0500",
    "2027-01-01 22:04:05 \N{MINUS SIGN}0500",
    "2027-01-02 08:34:05 +0530",
    "2027-01-02 04:04:05 CET",
    "2027-01-02 05:04:05 EET",
    "2027-01-01 22:04:05 EST",
    "2027-01-02 12:04:05 JST",
    "2027-01-02 14:04:05 AEDT",
    "2027-01-02 04:04:05 Europe/Berlin",
    "2027-01-01 22:04:05 America/New_York",
    "2027-01-01 22:04:05 EST5EDT",
    "2027-01-02 11:04:05 Singapore",
    "2027-01-02 00:04:05 Etc/GMT+3",  # which is west of Greenwich, as POSIX has it
    "2027-01-02 06:04:05 UTC+3",  # and this is east
    "2027-01-02 04:04:05 CET+0100",
    "2027-01-02T03:04:05Z",
    "2027-01-02T03:04:05.000Z",
    "2027-01-02T04:04:05+01:00",
    "2027-01-02T04:04:05+01:00[Europe/Berlin]",
    "2027-01-02T04:04:05[Europe/Berlin]",
    "20270102T030405Z",
    "20270102T040405+0100",
    "1798859045",
    "1798859045.0",
    "1798859045000",
    "@1798859045",
    "Sat Jan  2 03:04:05 UTC 2027",
    "Sat Jan  2 04:04:05 CET 2027",
    "Sat Jan  2 04:04:05 2027 +0100",
    "Sat, 02 Jan 2027 04:04:05 +0100",
    "Sat Jan 02 2027 04:04:05 GMT+0100 (Central European Standard Time)",
    "02/Jan/2027:04:04:05 +0100",
    "2 January 2027, 03:04:05",
    "2027/01/02 03:04:05",
    "2. January 2027 03:04:05",
    "2027-01-02\n03:04:05 UTC",
    "2027-01-02 03:04:05 UTC\nhanded in by ada",
    "2027-01-02 03:04:05 UTC\r\n2027-01-02 04:04:05 CET\r\n",
]

OTHERS = {
    "2027-07-02 05:04:05 CEST": "2027-07-02 03:04:05",
    "2027-07-02 05:04:05 Europe/Berlin": "2027-07-02 03:04:05",
    "2027-07-02 04:04:05 BST": "2027-07-02 03:04:05",
    "2027-01-02 3:04 PM": "2027-01-02 15:04:00",
    "13/02/2027 10:00": "2027-02-13 10:00:00",
    "2027-01-02 03:04:05.123456 UTC": "2027-01-02 03:04:05.123456",
    "1798859045123": "2027-01-02 03:04:05.123000",
}

REFUSED = {
    "2027-01-02 03:04:05 CST": r"CST is -0600 in America/Chicago and .*\+0800 in Asia/Shanghai",
    "2027-01-02 03:04:05 IST": r"IST is \+0200 in Asia/Jerusalem and \+0530 in Asia/Kolkata",
    "2027-07-02 03:04:05 IST": r"\+0100 in Europe/Dublin and \+0530",
    "2027-01-02 03:04:05 PST": r"-0800 in America/Los_Angeles and \+0800 in Asia/Manila",
    "2027-01-02 03:04:05 CET +0200": "names two zones",
    "2027-01-02 03:04:05 XYZ": "XYZ is no zone that is known here",
    "2027-01-02 03:04:05 Mars/Phobos": "no zone that is known here",
    "2027-01-02 03:04:05 +9999": "no offset",
    "2027-01-02 03:04:05 UTC\n2027-01-03 03:04:05 UTC": "holds several times: 2027-01-02 03:04:05 UTC, 2027-01-03",
    "2027-01-02": "names no time of day",
    "2027-01-02 03-04-05": "names no time of day",
    "10:00": "names no whole date",
    "Friday 10:00": "names no whole date",
    "01/02/2027 10:00": "can be 2027-01-02 and 2027-02-01",
    "2027-02-30 10:00": "is no time",
    "2027-01-02 25:00": "is no time",
    "yesterday, I think": "names no time of day",
    "9" * 30: "is no time",
    "2027-01-02 00:00:00 " + "9" * 30: "is no time",
    "9999-12-31 23:59:59 -1200": "is no time",
}


@pytest.mark.parametrize("text", SAME)
def test_every_form_of_one_time_is_that_time(text):
    assert str(parse(text)) == RIGHT


@pytest.mark.parametrize(("text", "time"), OTHERS.items())
def test_other_times_are_read(text, time):
    assert str(parse(text)) == time


@pytest.mark.parametrize(("text", "why"), REFUSED.items())
def test_what_is_no_time_or_several_is_refused_with_the_reason(text, why):
    with pytest.raises(UnreadableTime, match=why):
        parse(text)


@pytest.mark.parametrize(
    ("text", "home", "time"),
    [
        ("2027-01-02 03:04:05 CST", "America/Chicago", "2027-01-02 09:04:05"),
        ("2027-01-02 03:04:05 CST", "Asia/Shanghai", "2027-01-01 19:04:05"),
        ("2027-07-02 03:04:05 IST", "Asia/Kolkata", "2027-07-01 21:34:05"),
        ("2027-07-02 03:04:05 CEST", "America/Chicago", "2027-07-02 01:04:05"),
    ],
)
def test_the_zone_of_the_courses_exchange_decides_what_it_writes_itself(text, home, time):
    assert str(parse(text, home)) == time


@pytest.mark.parametrize("text", ["", "\n", " \r\n\t", "\0"])
def test_an_empty_file_is_no_time(text):
    assert parse(text) is None


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "ascii"])
def test_a_byte_order_mark_is_no_part_of_it(encoding):
    assert str(parse(decode(f"{RIGHT} UTC\r\n".encode(encoding)))) == RIGHT


def test_bytes_that_are_no_text_are_refused():
    with pytest.raises(UnreadableTime, match="no text"):
        decode(b"\xff\x00\xfe")
