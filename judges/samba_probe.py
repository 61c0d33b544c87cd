#!/usr/bin/python3
"""Samba's own RPC client against our server: it checks every signature we make, header and trailer too.

Binds the management interface, alters the context to the interface wanted, and sends stubs packed
by hand (`csra_hand.py`): activation at the resolver, then a whole backup at the exporter, and
calls at levels that must be refused. Needs the system's Python with python3-samba; prints JSON.

Three limits of Samba's bindings (4.17): an authenticated `ClientConnection` for an interface they do
not know crashes, so the first bind is always `mgmt`; alter_context sends the finished context's
token again, which a server must ignore; and it takes that token from memory that was freed (`keep_memory`).
"""

import argparse
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import traceback
import uuid

import csra_hand as hand

VARIANTS = {
    # binding options, Kerberos?
    "ntlm": ("ntlm", False),
    "spnego-ntlm": ("spnego", False),
    "krb5": ("krb5", True),
    "spnego-krb5": ("spnego", True),
}
PAGE = 65536


class Failed(Exception):
    pass


def arguments():
    parser = argparse.ArgumentParser(description="Samba's strict RPC client against a CA server")
    parser.add_argument("--host", required=True)
    parser.add_argument("--port", type=int, help="the resolver's port: activate there; or give the next two")
    parser.add_argument("--exporter-port", type=int)
    parser.add_argument("--ipid", help="of an ICertAdminD2 object")
    parser.add_argument("--ca", required=True)
    parser.add_argument("--name", help="the server's name in its SPN; default: the host")
    parser.add_argument("--user", default="")
    parser.add_argument("--domain", default="")
    parser.add_argument("--password-file", help="else the environment's CSBACKUP_PASSWORD")
    parser.add_argument("--auth", choices=VARIANTS, default="spnego-ntlm",
                        help="krb5 and spnego-krb5 use KRB5CCNAME and KRB5_CONFIG")
    parser.add_argument("--read-size", type=int, default=1 << 20)
    parser.add_argument("--out", help="folder for the files read")
    parser.add_argument("--wrong-password", action="store_true", help="only this: must be refused")
    parser.add_argument("--mgmt-only", action="store_true", help="only bind and ask: for any RPC server")
    args = parser.parse_args()
    if not args.port and not (args.exporter_port and args.ipid) and not args.mgmt_only:
        parser.error("--port, or --exporter-port with --ipid")
    return args


class Client:
    """Connections with one kind of authentication."""

    def __init__(self, args):
        from samba.param import LoadParm

        self.args = args
        self.options, self.kerberos = VARIANTS[args.auth]
        self.folder = tempfile.TemporaryDirectory(prefix="csbackup-samba-probe-")
        conf = os.path.join(self.folder.name, "smb.conf")
        with open(conf, "w", encoding="utf-8") as file:
            file.write(f"[global]\nworkgroup = {args.domain or 'WORKGROUP'}\nnetbios name = JUDGE\nlog level = 0\n"
                       f"private dir = {self.folder.name}\nlock directory = {self.folder.name}\n")
        self.lp = LoadParm()
        self.lp.load(conf)
        self.password = "wrong" if args.wrong_password else read_password(args)
        self.cid = uuid.uuid4().bytes

    def credentials(self):
        from samba.credentials import DONT_USE_KERBEROS, MUST_USE_KERBEROS, Credentials

        made = Credentials()
        if self.kerberos:
            made.guess(self.lp)
            made.set_kerberos_state(MUST_USE_KERBEROS)
        else:
            made.set_kerberos_state(DONT_USE_KERBEROS)
            # Without a workstation Samba refuses to make an NTLM response.
            made.set_workstation("JUDGE")
            made.set_domain(self.args.domain)
            made.set_username(self.args.user)
            made.set_password(self.password)
        return made

    def binding(self, port, protection):
        name = f",target_hostname={self.args.name}" if self.args.name else ""
        return f"ncacn_ip_tcp:{self.args.host}[{port},{self.options},{protection}{name}]"

    def bind(self, port, protection="sign,seal"):
        """An authenticated connection, bound to `mgmt`."""
        from samba.dcerpc import mgmt

        return mgmt.mgmt(self.binding(port, protection), self.lp, self.credentials())

    def alter(self, connection, port, iid, protection="sign,seal"):
        """A second presentation context on the connection."""
        from samba.dcerpc import base

        return base.ClientConnection(self.binding(port, protection), (iid, 0), self.lp, self.credentials(),
                                     basis_connection=connection)

    def alone(self, port, iid):
        """A connection without authentication."""
        from samba.dcerpc import base

        return base.ClientConnection(f"ncacn_ip_tcp:{self.args.host}[{port}]", (iid, 0), self.lp)


def read_password(args):
    if args.password_file:
        with open(args.password_file, encoding="utf-8") as file:
            return file.read().rstrip("\r\n")
    return os.environ.get("CSBACKUP_PASSWORD", "")


def ask(interface, method, call, ipid, cid):
    return hand.answer(method, interface.request(call.opnum, call.stub(cid), ipid))


def run(args, report):
    client = Client(args)
    if args.wrong_password:
        wrong_password(client, args, report)
        return
    if args.mgmt_only:
        port = args.exporter_port or args.port
        report["mgmt"] = management(client.bind(port))
        return
    ipid, port = args.ipid, args.exporter_port
    activated = None
    if args.port:
        report["alive"] = alive(client, args.port)
        activated = activate(client, args.port, report)
        objects = [one for one in activated["interfaces"] if one["hresult"] == "0x00000000"]
        ipid = next(one["ipid"] for one in objects if one["iid"] == hand.IID_ICERTADMIND2)
        port = port or exporter_port(activated["bindings"])
    connection = client.bind(port)
    report["mgmt"] = management(connection)
    admin = client.alter(connection, port, hand.IID_ICERTADMIND2)
    report["session"] = backup(admin, args, ipid, client.cid)
    report["levels"] = levels(client, args, port, ipid, report)
    if activated:
        unknown = client.alter(connection, port, hand.IID_IREMUNKNOWN)
        references = [(one["ipid"], one["public"]) for one in objects]
        hand.answer("RemRelease", unknown.request(5, hand.release(client.cid, references), activated["ipid_rem_unknown"]))
        report["after_release"] = refusal(lambda: ask(admin, "GetServerState",
                                                      hand.Call(19, hand.authority(args.ca)), ipid, client.cid))
        if report["after_release"] is None:
            report["failures"].append("a released object still answers")


def alive(client, port):
    data = client.alone(port, hand.IID_IOBJECTEXPORTER).request(5, b"")
    reader = hand.Reader(data)
    version = reader.u16(), reader.u16()
    if not reader.u32():
        raise Failed("ServerAlive2 without bindings")
    reader.u32()
    found, security = hand.bindings(reader)
    if data[-4:] != bytes(4):
        raise Failed(f"ServerAlive2: {data[-4:].hex()}")
    return {"version": version, "bindings": found, "security": security}


def activate(client, port, report):
    """Both interfaces in one call; the reply is taken apart by the lengths it claims."""
    connection = client.bind(port)
    scm = client.alter(connection, port, hand.IID_IREMOTESCMACTIVATOR)
    stub = hand.create_instance(client.cid, [hand.IID_ICERTADMIND2, hand.IID_ICERTADMIND])
    found = hand.created_instance(scm.request(4, stub))
    report["activation"] = {key: value for key, value in found.items() if key not in ("oxid", "ipid_rem_unknown")}
    for one in report["activation"]["interfaces"]:
        if one["hresult"] != "0x00000000":
            report["failures"].append(f"activation: {one['iid']} {one['hresult']}")
    if found["authn_hint"] != 6:
        report["failures"].append(f"authnHint is {found['authn_hint']}, not PKT_PRIVACY")
    other = str(uuid.uuid4())
    refused = refusal(lambda: hand.created_instance(
        scm.request(4, hand.create_instance(client.cid, [hand.IID_ICERTADMIND2], clsid=other))))
    report["unknown_class"] = refused
    if refused != "0x80040154":
        report["failures"].append(f"unknown class: {refused}")
    return found


def exporter_port(bindings):
    for tower, address in bindings:
        if tower == 7 and address.endswith("]"):
            return int(address.rpartition("[")[2][:-1])
    raise Failed(f"no binding of tower 7 has a port: {bindings}")


def management(connection):
    """is_server_listening: an answer we did not write, under the same protection."""
    return {"is_server_listening": connection.request(2, b"").hex()}


def backup(admin, args, ipid, cid):
    def do(method, call):
        return ask(admin, method, call, ipid, cid)

    found = {"state": do("GetServerState", hand.Call(19, hand.authority(args.ca))).u32()}
    found["roles"] = do("GetMyRoles", hand.Call(47, hand.authority(args.ca))).i32()
    name = hand.blob(do("GetCAProperty", hand.ca_property(args.ca, 6, 0, 4)))
    found["ca"] = name.decode("utf-16-le").rstrip("\0")
    do("BackupPrepare", hand.prepare(args.ca))
    try:
        found["locations"] = hand.file_list(do("RestoreGetDatabaseLocations", hand.Call(30)))
        databases = hand.file_list(do("BackupGetAttachmentInformation", hand.Call(22)))
        files, begin = [fetch(do, args, path) for path in databases], time.perf_counter()
        files += [fetch(do, args, path) for path in hand.file_list(do("BackupGetBackupLogs", hand.Call(23)))]
        found["seconds"] = round(time.perf_counter() - begin, 3)
        found["files"] = files
        found["dynamic"] = hand.file_list(do("BackupGetDynamicFiles", hand.Call(29)))
    finally:
        do("BackupEnd", hand.Call(21))
    return found


def fetch(do, args, path):
    tag, path = path[:1], path[1:]
    if tag not in "D!":
        raise Failed(f"name with tag {tag!r}")
    size = left = do("BackupOpenFile", hand.open_file(path)).u64()
    digest = hashlib.sha256()
    out = None
    if args.out:
        os.makedirs(args.out, exist_ok=True)
        out = open(os.path.join(args.out, path.rpartition("\\")[2]), "wb")
    while left:
        asked = min(args.read_size, -(-left // PAGE) * PAGE)
        data = hand.read_answer(do("BackupReadFile", hand.read_file(asked)), asked)
        if not data or len(data) > left:
            raise Failed(f"{path}: {len(data)} bytes where {left} are left")
        left -= len(data)
        digest.update(data)
        if out:
            out.write(data)
    if out:
        out.close()
    do("BackupCloseFile", hand.Call(26))
    return {"tag": tag, "name": path, "size": size, "sha256": digest.hexdigest()}


def refusal(action):
    """The code of a refusal, as text; None when there was none."""
    try:
        action()
    except hand.Refused as refused:
        return f"0x{refused.code:08x}"
    except RuntimeError as error:
        return status(error)
    return None


def status(error):
    """samba's NTSTATUSError, of an RPC fault or a failed bind, by its number; else the text."""
    number = error.args[0] if error.args else None
    return f"status 0x{number & 0xFFFFFFFF:08x}" if isinstance(number, int) else str(error)


def levels(client, args, port, ipid, report):
    """Every level below privacy: the object's calls must be refused."""
    found = {}
    for protection in ("connect", "packet", "sign"):
        def state(protection=protection):
            connection = client.bind(port, protection)
            admin = client.alter(connection, port, hand.IID_ICERTADMIND2, protection)
            ask(admin, "GetServerState", hand.Call(19, hand.authority(args.ca)), ipid, client.cid)

        found[protection] = refusal(state)

    def unauthenticated():
        admin = client.alone(port, hand.IID_ICERTADMIND2)
        ask(admin, "GetServerState", hand.Call(19, hand.authority(args.ca)), ipid, client.cid)

    found["none"] = refusal(unauthenticated)
    report["failures"] += [f"GetServerState at level {level} was answered" for level, code in found.items() if not code]
    return found


def wrong_password(client, args, report):
    port = args.exporter_port or args.port
    found = refusal(lambda: management(client.bind(port)))
    report["wrong_password"] = found
    if found is None:
        report["failures"].append("a wrong password was taken")


def keep_memory():
    """Starts this program anew with a `free` that does nothing, so that what was freed stays what it was.

    Else alter_context fails now and then with 0xc0000017 or 0xc0000030, or the process dies.
    """
    folder = os.environ.pop("CSBACKUP_KEEPING", None)
    if folder:
        os.environ.pop("LD_PRELOAD")
        shutil.rmtree(folder, ignore_errors=True)
        return
    folder = tempfile.mkdtemp(prefix="csbackup-samba-probe-")
    library = os.path.join(folder, "keep.so")
    compiler = ["cc", "-shared", "-fPIC", "-x", "c", "-", "-o", library]
    try:
        subprocess.run(compiler, input=b"void free(void *memory) { (void)memory; }", check=True)
        os.execve(sys.executable, [sys.executable, *sys.argv],
                  {**os.environ, "LD_PRELOAD": library, "CSBACKUP_KEEPING": folder})
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def main():
    keep_memory()
    args = arguments()
    report = {"judge": "samba", "auth": args.auth, "failures": []}
    try:
        import samba

        report["samba"] = samba.version
        run(args, report)
    except (Failed, hand.Refused, ValueError, RuntimeError, ImportError) as error:
        steps = " > ".join(frame.name for frame in traceback.extract_tb(error.__traceback__)[1:])
        report["failures"].append(f"{steps}: {type(error).__name__}: {status(error)}")
    print(json.dumps(report))
    sys.exit(1 if report["failures"] else 0)


if __name__ == "__main__":
    main()
