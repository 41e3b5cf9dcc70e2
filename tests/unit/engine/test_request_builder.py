"""Which actions travel together, and which of them an error is about."""

from kbootstrap.action import HostAction, PutFile, PutTemplate, ReadSecret, Run, bundles
from kbootstrap.engine.request_builder import first_failure, host_parts, values_read
from kbootstrap.masking import mask_output
from kbootstrap.remote.protocol import Part, PartResult, Reply


def put(name: str, mode: int = 0o644, body: str = "x") -> PutFile:
    return PutFile(why="w", path=f"/etc/{name}", body=body, mode=mode)


def answer(*results: tuple[Part, int, str]) -> Reply:
    return Reply(
        tuple(
            PartResult(part.id, rc, output, millis=0, skipped=False, truncated=False)
            for part, rc, output in results
        )
    )


ACTIONS: tuple[HostAction, ...] = (
    put("a"),
    put("ab"),
    Run(why="w", title="t", body="true"),
    put("c"),
    put("d", mode=0o600),
    put("big", body="y" * 100_000),
    PutTemplate(why="w", path="/run/s", body="@@v@@", needs=("v",)),
)


def test_files_next_to_each_other_of_one_mode_travel_together() -> None:
    assert [len(bundle) for bundle in bundles(ACTIONS)] == [2, 1, 1, 1, 1, 1]


def test_only_big_and_secret_files_follow_the_script() -> None:
    parts = [part for _, part in host_parts(ACTIONS, {"v": "s3cret"})]

    assert [part.id for part in parts] == ["a0", "a1", "a2", "a3", "a4", "a5"]
    assert [len(part.blobs) for part in parts] == [0, 0, 0, 0, 1, 1]
    assert parts[0].script == "kb_write /etc/a x\nkb_write /etc/ab x\nkb_flush 0644 root:root"
    assert not any("s3cret" in part.script for part in parts)


def test_an_error_names_the_file_it_is_about() -> None:
    made = host_parts(ACTIONS[:3], {})
    (_, files), (_, last) = made

    assert first_failure(made, answer((files, 0, ""), (last, 0, ""))) is None
    error = first_failure(
        made, answer((files, 1, "kbootstrap: cannot write /etc/ab"), (last, 0, ""))
    )
    assert error is not None
    assert "/etc/ab" in error.message


def test_a_secret_that_is_read_is_in_a_placeholder_and_nowhere_else() -> None:
    key = "MHcCAQEEIBpQ2xkeXBsYXNlZG9ub3R1c2V0aGlza2V5aW5hdGVzdA=="
    read = ReadSecret(why="w", title="read it", body="cat key", placeholder="authorities")
    made = host_parts((read, Run(why="w", title="t", body="true")), {})
    (_, secret), (_, other) = made

    assert (secret.secret, other.secret) == (True, False)
    reply = answer((secret, 0, f"{key}\n"), (other, 0, "done"))
    assert values_read(made, reply) == {"authorities": key}
    assert key not in mask_output(f"cat: {key}")
