"""Types of files become headers of the MMS: none may end its line."""

from __future__ import annotations

from base64 import b64encode

import msgspec
import pytest

from budstikke.dialects.ip1.mms import read_mms
from budstikke.dialects.ip1.operations import Binding, Service
from budstikke.dialects.ip1.request import File, ParsedRequest
from budstikke.dialects.native.mms import MmsFile

TYPES = [
    "image/gif\n",
    "image/gif\r\nX-Evil: 1",
    "image/gif\x85",
    "image/gi\u2028f",
    "gif",
]


@pytest.mark.parametrize("kind", TYPES)
def test_rest_refuses_a_type_that_is_none(kind: str) -> None:
    file = {"data": "R0lG", "type": "image/gif"}
    assert "image/gif" == msgspec.convert(file, MmsFile).type
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({**file, "type": kind}, MmsFile)


@pytest.mark.parametrize("kind", TYPES)
def test_ip1_finds_a_type_for_one_that_is_none(kind: str) -> None:
    file = File("a.gif", kind, b64encode(b"GIF89a").decode())
    values = {"to": "+4799999999", "from": "2229", "msg": ""}
    said = ParsedRequest(Service("", "", ()), Binding.XML, values=values, files=(file,))
    ((_, found, _),) = read_mms(said).files
    assert "image/gif" == found
