"""A body of the REST API's MMS is looked at before it is decoded."""

from __future__ import annotations

import pytest

from budstikke.dialects.native.mms import LONGEST_NAME, check_size
from budstikke.dialects.native.problems import NO_FIELD, Problem, render

LONG = b"a" * (LONGEST_NAME + 1)


@pytest.mark.parametrize("before", [b"{", b'{"to":"+4799999999",'])
@pytest.mark.parametrize("between", [b"", b" \n"])
def test_an_endless_name_is_no_field(before: bytes, between: bytes) -> None:
    body = before + b'"%b"%b:1}' % (LONG, between)

    with pytest.raises(Problem) as refused:
        check_size(body)

    answer = render(refused.value)
    assert (422, True) == (answer.status, NO_FIELD.encode() in answer.body)
    assert b'"param":"aaa' in answer.body.replace(b" ", b"")
    assert len(answer.body) < 1000


@pytest.mark.parametrize(
    "body",
    [
        b'{"files":[{"data":"%b","type":"image/gif"}]}' % LONG,
        b'{"files":[{"data":"%b"}],"to":"1"}' % LONG,
        b'{"%b":1}' % LONG[:-1],
    ],
)
def test_a_large_file_is_none(body: bytes) -> None:
    check_size(body)
