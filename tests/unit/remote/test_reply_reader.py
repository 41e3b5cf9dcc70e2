"""The codec: any chunking, any noise, any bytes, and no part can forge a frame."""

from collections.abc import Iterator
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kbootstrap.remote.bounded_buffer import BoundedBuffer
from kbootstrap.remote.output_stream import MalformedReply
from kbootstrap.remote.protocol import Part, Request
from kbootstrap.remote.reply_reader import PROMPT, READY, ReplyReader

NONCE = "0123456789abcdef0123456789abcdef"
RS = b"\x1e"

noise = st.binary(max_size=200).filter(lambda data: b"\x1eKB1" not in data)
# Bytes that look like frames: right but for the nonce, or only the beginning of one.
lookalike = st.sampled_from(
    [
        b"\x1eKB1 ready\n",
        b"\x1eKB1 00000000000000000000000000000000 Z 1\n",
        b"\x1e",
        b"\x1eKB1 0123456789abcdef",
        b"\x1eKB1 0123456789abcdef0123456789abcdeX Z 1\n",
        b"\n",
    ]
)
output = st.lists(st.one_of(st.binary(max_size=300), lookalike), max_size=5).map(b"".join)


def frame(*words: object) -> bytes:
    return RS + b"KB1 " + NONCE.encode() + b" " + " ".join(map(str, words)).encode() + b"\n"


def chunked(data: bytes, cuts: list[int]) -> Iterator[bytes]:
    edges = [0, *sorted(cut % (len(data) + 1) for cut in cuts), len(data)]
    for start, end in pairwise(edges):
        yield data[start:end]


def reader(*parts: Part) -> ReplyReader:
    return ReplyReader(Request(parts, "run", nonce=NONCE))


cuts = st.lists(st.integers(min_value=0, max_value=10_000), max_size=30)


@given(noise, st.lists(output, min_size=1, max_size=4), cuts)
def test_results_survive_any_chunking(before: bytes, bodies: list[bytes], where: list[int]) -> None:
    parts = [Part(f"p{n}", "", "probe") for n in range(len(bodies))]
    stream = before + b"\x1eKB1 ready\n" + frame("H")
    for part, body in zip(parts, bodies, strict=True):
        stream += frame("R", part.id, 0, 10, len(body)) + body + b"\n"
    stream += frame("Z", len(parts))

    read = reader(*parts)
    for chunk in chunked(stream, where):
        read.feed_stdout(chunk)
    read.feed_stderr(frame("Z", len(parts)))

    assert read.done
    expected = [body.decode(errors="replace") for body in bodies]
    assert [result.output for result in read.reply().results] == expected


@given(noise, st.lists(output, min_size=1, max_size=4), cuts)
def test_live_output_survives_any_chunking(
    before: bytes, bodies: list[bytes], where: list[int]
) -> None:
    parts = [Part(f"p{n}", "") for n in range(len(bodies))]
    heard: dict[str, str] = {part.id: "" for part in parts}

    def hear(part_id: str, text: str) -> None:
        heard[part_id] += text

    read = ReplyReader(Request(tuple(parts), "run", nonce=NONCE), hear)
    stream = before
    for part, body in zip(parts, bodies, strict=True):
        stream += frame("B", part.id) + body + frame("E", part.id)
        read.feed_stdout(frame("R", part.id, 0, 0, 0) + b"\n")
    for chunk in chunked(stream + frame("Z", len(parts)), where):
        read.feed_stderr(chunk)
    read.feed_stdout(frame("Z", len(parts)))

    assert read.done
    expected = {p.id: body.decode(errors="replace") for p, body in zip(parts, bodies, strict=True)}
    assert {r.id: r.output for r in read.reply().results} == expected
    assert heard == expected


@given(st.binary(max_size=3000), st.binary(max_size=3000))
def test_no_bytes_without_the_nonce_do_anything(out: bytes, err: bytes) -> None:
    read = reader(Part("a", ""))
    read.feed_stdout(out)
    read.feed_stderr(err)
    assert not read.started
    assert not read.complete
    assert not read.done


@given(noise, st.integers(min_value=0, max_value=3), cuts)
def test_prompts_of_sudo_are_counted_in_any_chunking(
    before: bytes, times: int, where: list[int]
) -> None:
    read = reader(Part("a", ""))
    stream = (before + PROMPT.encode()) * times + b"KB-sudo"
    for chunk in chunked(stream, where):
        read.feed_stderr(chunk)
    assert read.asked == times


@given(cuts)
def test_ready_is_seen_behind_any_noise(where: list[int]) -> None:
    read = reader(Part("a", ""))
    for chunk in chunked(b"x" * 10_000 + READY, where):
        assert not read.ready
        read.feed_stdout(chunk)
    assert read.ready


@given(st.binary(max_size=300))
def test_bytes_with_the_nonce_are_refused_or_wait_but_never_crash(junk: bytes) -> None:
    read = reader(Part("a", ""))
    try:
        read.feed_stdout(frame("H") + RS + b"KB1 " + NONCE.encode() + b" " + junk)
    except MalformedReply:
        return
    assert not read.complete


@pytest.mark.parametrize(
    "bad",
    [
        frame("R", "unknown", 0, 0, 0),
        frame("R", "a", 0, 0, -1),
        frame("R", "a", "x", 0, 0),
        frame("Z", 1),
        frame("Z", "many"),
        frame("R", "a", 0, 0, 0) + b"\n" + frame("R", "a", 0, 0, 0),
        frame("Q"),
        frame("x" * 600),
        frame("x" * 600)[:-1],
    ],
)
def test_nonsense_is_an_error(bad: bytes) -> None:
    with pytest.raises(MalformedReply):
        reader(Part("a", "")).feed_stdout(bad)


def test_secret_steps_and_probes_are_not_heard() -> None:
    heard: list[tuple[str, str]] = []
    parts = (Part("open", ""), Part("secret", "", secret=True), Part("probe", "", "probe"))
    read = ReplyReader(Request(parts, "run", nonce=NONCE), lambda *what: heard.append(what))
    for part in parts:
        read.feed_stderr(frame("B", part.id) + b"words" + frame("E", part.id))
        read.feed_stdout(frame("R", part.id, 0, 0, 0) + b"\n")
    read.feed_stdout(frame("Z", 3))

    assert heard == [("open", "words")]
    assert read.reply().output("secret") == "words"
    assert read.reply().part("probe").stderr == "words"
    assert "words" not in repr(read.reply())


def test_a_character_split_between_chunks_is_heard_whole() -> None:
    heard: list[str] = []
    read = ReplyReader(
        Request((Part("a", ""),), "run", nonce=NONCE), lambda _, text: heard.append(text)
    )
    word = "größe".encode()
    for byte in frame("B", "a") + word + frame("E", "a"):
        read.feed_stderr(bytes([byte]))
    assert "".join(heard) == "größe"


def test_output_of_a_detached_run_is_joined_across_connections() -> None:
    request = Request((Part("a", ""),), "run", nonce=NONCE)
    first = ReplyReader(request)
    first.feed_stderr(frame("B", "a") + frame("A", "job", 0) + b"one two ")
    assert first.runs["job"].size == 8

    heard: list[str] = []
    second = ReplyReader(request, lambda _, text: heard.append(text), first.runs)
    second.feed_stderr(frame("B", "a") + frame("A", "job", 8) + b"three" + frame("D", "job"))
    second.feed_stderr(b"!" + frame("E", "a") + frame("Z", 1))
    second.feed_stdout(frame("R", "a", 0, 0, 0) + b"\n" + frame("Z", 1))

    assert heard == ["three", "!"]
    assert second.reply().output("a") == "one two three!"
    assert second.runs["job"].text() == "one two three"


def test_a_detached_run_that_starts_over_is_not_joined() -> None:
    before = {"job": BoundedBuffer()}
    before["job"].feed(b"old")
    read = ReplyReader(Request((Part("a", ""),), "run", nonce=NONCE), None, before)
    read.feed_stderr(frame("B", "a") + frame("A", "job", 0) + b"new" + frame("D", "job"))
    assert read.runs["job"].text() == "new"


@given(st.lists(st.binary(max_size=50), max_size=40), st.integers(min_value=1, max_value=30))
def test_capture_keeps_both_ends(pieces: list[bytes], half: int) -> None:
    capture = BoundedBuffer(half=half)
    for piece in pieces:
        capture.feed(piece)
    whole = b"".join(pieces)
    text = capture.text()
    assert capture.size == len(whole)
    assert capture.truncated == (len(whole) > 2 * half)
    if not capture.truncated:
        assert text == whole.decode(errors="replace")
    else:
        assert text.startswith(whole[:half].decode(errors="replace"))
        assert text.endswith(whole[-half:].decode(errors="replace"))
        assert f"[... {len(whole) - 2 * half} bytes left out ...]" in text
