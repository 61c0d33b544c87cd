"""Misuse: what the server must refuse, and with which code. Run by `impacket_backup.py --probe`.

`cases` in the report: for each one what came back and what was expected; a case that differs is a
failure. Where the documents leave the code open, any refusal will do (`any`).
"""

import struct

from impacket.uuid import generate, string_to_bin

import csra_ndr as ndr
from impacket_peer import Activated, Ca, Failure, Wire, untagged

UNEXPECTED, BAD_SEQUENCE = 0x8000FFFF, 0xC8000209
ACCESS_DENIED, INVALID_ARGUMENT = 0x80070005, 0x80070057
NO_CLASS, NO_INTERFACE = 0x80040154, 0x80004002
DISCONNECTED, VERSION_MISMATCH, INVALID_HEADER = 0x80010108, 0x80010110, 0x80010111
OPNUM_OUT_OF_RANGE, FAULT_ACCESS_DENIED = 0x1C010002, 0x00000005
BACKUP_ACTIVE = 0xC80001F9
ANY = ("fault", "hresult", "bind")
# Who cannot prove who they are may also be cut off.
CUT = (*ANY, "transport")


def run(args, report):
    cases = report["cases"] = {}
    for group in (security, activation, orpc, sequencing, values, two_clients):
        try:
            for name, action, expected in group(args):
                cases[name] = judged(action, expected)
        except Failure as failure:
            cases[group.__name__] = {"ok": False, "got": failure.json(), "expected": "the group's own set-up works"}
    report["failures"] += [name for name, case in cases.items() if not case["ok"]]


def judged(action, expected):
    """`expected`: a set of codes, ANY or CUT for the kinds of a refusal, or "success"."""
    try:
        action()
        got, ok = "success", expected == "success"
    except Failure as failure:
        got = failure.json()
        by_kind = isinstance(expected, tuple)
        ok = expected != "success" and (failure.kind if by_kind else failure.code) in expected
    if isinstance(expected, set):
        expected = [f"0x{code:08x}" for code in sorted(expected)]
    return {"ok": ok, "got": got, "expected": expected}


class Client:
    """An activation and a connection of its own: nothing shared with other clients."""

    def __init__(self, args, **options):
        self.activated = Activated(args)
        self.wire = Wire(self.activated, **options)
        self.ca = Ca(self.wire, args.ca)

    def __enter__(self):
        return self.ca

    def __exit__(self, *_):
        for tidy in (self.ca.close_file, self.ca.end):
            try:
                tidy()
            except Failure:
                pass
        self.wire.close()
        self.activated.close()


def security(args):
    """Levels, and whoever cannot prove who they are."""
    activated = Activated(args)
    denied = {ACCESS_DENIED, FAULT_ACCESS_DENIED}
    levels = ["none", "connect", "integrity"] if args.auth == "ntlm" else ["none", "integrity"]
    for level in levels:
        # The server may refuse the bind itself, or each call.
        def state(level=level):
            wire = Wire(activated, level=level)
            try:
                Ca(wire, args.ca).state()
            finally:
                wire.close()

        yield f"state_at_level_{level}", state, ANY if level == "none" else denied

        def begin(level=level):
            wire = Wire(activated, level=level)
            try:
                Ca(wire, args.ca).prepare()
            finally:
                wire.close()

        yield f"prepare_at_level_{level}", begin, ANY if level == "none" else denied
    for level in levels[:-1]:
        yield f"activation_at_level_{level}", lambda level=level: Activated(args, level=level).close(), ANY
    if args.auth == "ntlm":
        yield "activation_with_a_wrong_password", lambda: Activated(args, secret="wrong").close(), CUT
        yield "activation_by_nobody_known", lambda: Activated(args, user="nobody-known").close(), CUT
        yield "activation_anonymous", lambda: Activated(args, user="", secret="").close(), CUT

        def stranger(**who):
            wire = Wire(activated, **who)
            try:
                Ca(wire, args.ca).state()
            finally:
                wire.close()

        yield "object_with_a_wrong_password", lambda: stranger(secret="wrong"), CUT
        yield "object_by_nobody_known", lambda: stranger(user="nobody-known"), CUT
    activated.close()


def activation(args):
    other = string_to_bin("11111111-2222-3333-4444-555555555555")
    yield "unknown_class", lambda: Activated(args, clsid=other).close(), {NO_CLASS}
    yield "unknown_interface", lambda: Activated(args, iid=other + bytes(4)).close(), {NO_INTERFACE}


def orpc(args):
    """The DCOM layer below the calls."""
    activated = Activated(args)
    wire = Wire(activated)
    ca = Ca(wire, args.ca)
    ask = lambda **options: wire.request(named(args.ca), **options)  # noqa: E731
    yield "unknown_ipid", lambda: ask(ipid=generate()), {DISCONNECTED}
    yield "orpcthis_flags_not_zero", lambda: ask(flags=2), {INVALID_HEADER}
    yield "orpcthis_major_4", lambda: ask(version=(4, 7)), {VERSION_MISMATCH}
    yield "orpcthis_minor_99", lambda: ask(version=(5, 99)), {VERSION_MISMATCH}
    this = struct.pack("<HHII16sI", 5, 7, 0, 0, generate(), 0)
    yield "opnum_out_of_range", lambda: wire.raw(200, this), {OPNUM_OUT_OF_RANGE}
    for opnum in (0, 1, 2):
        yield f"opnum_{opnum}_is_not_for_the_wire", lambda opnum=opnum: wire.raw(opnum, this), ANY
    yield "stub_cut_short", lambda: wire.raw(19, this[:20]), ANY
    huge = this + struct.pack("<IIII", 1, 0x7FFFFFFF, 0, 0x7FFFFFFF) + bytes(8)
    yield "string_with_a_huge_count", lambda: wire.raw(19, huge), ANY
    yield "still_alive_after_all_that", client_state(args), "success"
    wire.close()
    activated.close()
    for name, road in (("wrong", f"{args.ca} not"),):
        with Client(args) as ca:
            yield f"state_of_a_{name}_ca", lambda: ca.state(road), ANY
            yield f"ping2_of_a_{name}_ca", lambda: ca.ping2(road), ANY
            yield f"roles_of_a_{name}_ca", lambda: ca.roles(road), ANY
            yield f"property_of_a_{name}_ca", lambda: ca.prop(6, 0, 4, road), ANY
            yield f"prepare_of_a_{name}_ca", lambda: ca.prepare(0, road), ANY


def named(authority):
    request = ndr.GetServerState()
    request["pwszAuthority"] = f"{authority}\0"
    return request


def client_state(args):
    def ask():
        with Client(args) as ca:
            ca.state()

    return ask


def sequencing(args):
    """MS-CSRA 3.1.4.1.18: every call out of turn."""
    read = lambda ca: ca.read(65536)  # noqa: E731
    idle = {"logs": Ca.logs, "open": lambda ca: ca.open("\\\\h\\s$\\a"), "read": read, "close": Ca.close_file,
            "end": Ca.end, "truncate": Ca.truncate}
    with Client(args) as ca:
        yield "databases_when_idle", ca.databases, {BAD_SEQUENCE}
        for name, action in idle.items():
            yield f"{name}_when_idle", lambda action=action: action(ca), {UNEXPECTED}
    with Client(args) as ca:
        yield "prepare", ca.prepare, "success"
        yield "second_prepare", ca.prepare, {UNEXPECTED}
        yield "read_without_a_file", lambda: read(ca), {UNEXPECTED}
        yield "close_without_a_file", ca.close_file, {UNEXPECTED}
        yield "truncate_before_any_list", ca.truncate, {UNEXPECTED}
        database = untagged(ca.databases()[0], "D")
        yield "truncate_before_anything_was_read", ca.truncate, {UNEXPECTED}
        yield "open", lambda: ca.open(database), "success"
        yield "open_while_one_is_open", lambda: ca.open(database), {UNEXPECTED}
        yield "read", lambda: read(ca), "success"
        yield "truncate_while_one_is_open", ca.truncate, {UNEXPECTED}
        yield "close", ca.close_file, "success"
        yield "close_again", ca.close_file, {UNEXPECTED}
        yield "read_after_close", lambda: read(ca), {UNEXPECTED}
        ca.logs()
        yield "truncate_before_all_was_read", ca.truncate, {UNEXPECTED}
        yield "end", ca.end, "success"
        yield "end_again", ca.end, {UNEXPECTED}
        yield "databases_after_end", ca.databases, {BAD_SEQUENCE}
        yield "logs_after_end", ca.logs, {UNEXPECTED}
    with Client(args) as ca:
        try:
            ca.prepare(1)
        except Failure as failure:
            # No full backup yet: a refusal is right, its code is not given.
            code = failure.code
            yield "incremental_without_a_full", lambda: ca.prepare(1), {code}
        else:
            yield "databases_of_an_incremental", ca.databases, {BAD_SEQUENCE}


def values(args):
    with Client(args) as ca:
        yield "prepare_of_kind_7", lambda: ca.prepare(7), ANY
    with Client(args) as ca:
        ca.prepare()
        database = ca.databases()[0]
        yield "open_with_the_tag", lambda: ca.open(database), ANY
        yield "open_of_no_listed_name", lambda: ca.open("\\\\h\\c$\\windows\\win.ini"), ANY
        yield "open_of_the_empty_name", lambda: ca.open(""), ANY
        yield "open_above_the_folder", lambda: ca.open(database[1:] + "\\..\\..\\ca.toml"), ANY
        for name in ca.dynamic()[:1]:
            yield "open_of_a_dynamic_file", lambda name=name: ca.open(name), ANY
        ca.open(database[1:])
        yield "read_of_0_bytes", lambda: ca.read(0), ANY
        yield "read_of_minus_1", lambda: ca.road.request(sized(-1)), ANY
        yield "read_of_no_page_multiple", lambda: ca.read(123456), ANY
        yield "read_of_2_gib_less_a_page", lambda: ca.road.request(sized(0x7FFF0000)), ANY
    yield "alive_after_the_values", client_state(args), "success"


def sized(size):
    request = ndr.BackupReadFile()
    request["cbBuffer"] = size
    return request


def two_clients(args):
    """One session at a time; a client that is lost does not hold it for ever."""
    with Client(args) as first, Client(args) as second:
        first.prepare()
        yield "prepare_while_another_backs_up", second.prepare, {BACKUP_ACTIVE}
        yield "end_of_another_ones_session", second.end, {UNEXPECTED}
        yield "the_first_goes_on", first.databases, "success"
        first.end()
        yield "then_it_is_the_seconds_turn", second.prepare, "success"
        second.end()
