"""A whole backup of a CA by impacket: ServerAlive2, activation, every call of a backup, release.

Prints JSON; its exit code is 0 when nothing was wrong (`failures` is empty). With `--probe` it
misuses the server instead (`impacket_probe.py`). See README.md for what a pass proves.
"""

import argparse
import hashlib
import json
import os
import sys
import time

from impacket.dcerpc.v5 import dcomrt, transport

import csra_ndr as ndr
import impacket_probe
from impacket_peer import (LEVELS, Activated, Ca, Failure, Shared, add_connection_arguments, call, patch, release,
                           untagged)

PAGE = 65536
E_NOINTERFACE = 0x80004002
RPC_E_DISCONNECTED = 0x80010108
LONG, BINARY, STRING = 1, 3, 4
PROPERTIES = {
    "FILEVERSION": (0x01, STRING), "PRODUCTVERSION": (0x02, STRING), "CANAME": (0x06, STRING),
    "SANITIZEDCANAME": (0x07, STRING), "CATYPE": (0x0A, LONG), "CASIGCERTCOUNT": (0x0B, LONG),
    "CASIGCERT": (0x0C, BINARY), "CASIGCERTCHAIN": (0x0D, BINARY), "BASECRL": (0x11, BINARY),
    "DELTACRL": (0x12, BINARY), "CAPROPIDMAX": (0x15, LONG), "DNSNAME": (0x16, STRING),
    "ROLESEPARATIONENABLED": (0x17, LONG), "ADVANCEDSERVER": (0x1C, LONG), "TEMPLATES": (0x1D, STRING),
    "SANITIZEDCASHORTNAME": (0x28, STRING), "CERTCDPURLS": (0x29, STRING), "CERTAIAURLS": (0x2A, STRING),
}
# CA name given or empty, node, entry.
ENTRIES = [(False, "", "Active"), (True, "", "CommonName"), (True, "", "InterfaceFlags"), (True, "", "CAServerName"),
           (True, "", "DBDirectory"), (True, "", "CACertHash"), (True, "", "CRLPublicationURLs"),
           (True, "PolicyModules", "Active"), (False, "", "Version"), (True, "", "NoSuchEntry")]


def arguments():
    parser = argparse.ArgumentParser(description="a whole backup of a CA through impacket's DCOM")
    add_connection_arguments(parser)
    parser.add_argument("--out", help="folder for the files read")
    parser.add_argument("--type", choices=["full", "incremental"], default="full")
    parser.add_argument("--truncate", action="store_true")
    parser.add_argument("--read-size", type=int, default=1 << 20, help="a multiple of 65536")
    parser.add_argument("--interface", choices=["2", "1", "auto"], default="auto", help="ICertAdminD2, ICertAdminD")
    parser.add_argument("--reads-only", action="store_true", help="for the bench: no properties, nothing written")
    parser.add_argument("--probe", action="store_true", help="misuse instead of a backup")
    args = parser.parse_args()
    if args.read_size <= 0 or args.read_size % PAGE:
        parser.error("--read-size must be a multiple of 65536")
    return args


def main():
    args = arguments()
    patch(args.port)
    report = {"judge": "impacket", "auth": args.auth, "failures": []}
    begin = time.perf_counter()
    try:
        if args.probe:
            impacket_probe.run(args, report)
        else:
            backup(args, report)
    except Failure as failure:
        report["failures"].append(str(failure))
        report["error"] = failure.json()
    report["seconds"] = round(time.perf_counter() - begin, 3)
    print(json.dumps(report))
    # impacket's ping timer must not keep us.
    sys.stdout.flush()
    os._exit(1 if report["failures"] else 0)


def backup(args, report):
    report["alive"] = alive(args)
    activated, iid = activate(args)
    report.update(
        interface="ICertAdminD2" if iid == ndr.IID_ICERTADMIND2 else "ICertAdminD", bindings=activated.bindings,
        binding_substituted=activated.substituted, authn_hint=activated.authn_hint,
        public_refs=activated.public_refs)
    expect(report, "authnHint is PKT_PRIVACY", activated.authn_hint == 6)
    ca = Ca(Shared(activated, iid), args.ca)
    if not args.reads_only:
        who(ca, iid, report)
        report["pings"] = pings(args, activated)
        if iid == ndr.IID_ICERTADMIND2:
            report["properties"] = properties(ca)
            report["configuration"] = configuration(ca)
            for what in ("properties", "configuration"):
                # A refusal is an answer; what cannot be decoded is not.
                report["failures"] += [f"{what}: {name}: {one['text']}" for name, one in report[what].items()
                                       if one.get("kind") in ("decode", "transport")]
    ca.prepare(args.type == "incremental")
    try:
        session(ca, args, report)
    finally:
        ca.end()
    if not args.reads_only:
        references(activated, iid, report)
    release(ca.road, activated.interface, activated.public_refs)
    gone = code_of(ca.state)
    report["after_release"] = gone
    expect(report, "a released object is gone (RPC_E_DISCONNECTED)", gone == f"0x{RPC_E_DISCONNECTED:08x}")
    activated.close()


def activate(args):
    if args.interface != "1":
        try:
            return Activated(args), ndr.IID_ICERTADMIND2
        except Failure as failure:
            if args.interface == "2" or failure.code != E_NOINTERFACE:
                raise
    return Activated(args, iid=ndr.IID_ICERTADMIND), ndr.IID_ICERTADMIND


def alive(args):
    """ServerAlive2 without authentication, on a connection of its own."""
    dce = transport.DCERPCTransportFactory(f"ncacn_ip_tcp:{args.host}").get_dce_rpc()
    bindings = call(dcomrt.IObjectExporter(dce).ServerAlive2)
    dce.disconnect()
    return [(binding["wTowerId"], binding["aNetworkAddr"].rstrip("\0")) for binding in bindings]


def who(ca, iid, report):
    report["state"] = ca.state()
    if iid == ndr.IID_ICERTADMIND2:
        report["roles"] = ca.roles()
        # Ping and Ping2 want an administrator; a backup operator alone is told so.
        report["ping2"] = code_of(ca.ping2)
    report["ping"] = code_of(ca.ping)


def code_of(action):
    """The code of a call that may fail, `0x00000000` when it does not."""
    try:
        action()
    except Failure as failure:
        return failure.json()["code"] or failure.text
    return "0x00000000"


def pings(args, activated):
    """A ping set of our own with the object in it, pinged once, then emptied."""
    rpc = transport.DCERPCTransportFactory(f"ncacn_ip_tcp:{args.host}")
    rpc.set_credentials(*activated.connection.get_dce_rpc().get_credentials())
    if activated.kerberos:
        rpc.setRemoteName(activated.target)
        rpc.set_kerberos(True)
    dce = rpc.get_dce_rpc()
    dce.set_auth_level(LEVELS["privacy"])
    if activated.kerberos:
        dce.set_auth_type(9)
    exporter = dcomrt.IObjectExporter(dce)
    answer = call(lambda: exporter.ComplexPing(0, 1, {activated.oid}, set()))
    made = answer["pSetId"]
    dce.disconnect()
    call(lambda: exporter.SimplePing(made))
    dce.disconnect()
    return {"set_id_is_given": made != 0, "backoff": answer["pPingBackoffFactor"]}


def properties(ca):
    found = {}
    for name, (prop, kind) in PROPERTIES.items():
        try:
            data = ca.prop(prop, 0, kind)
        except Failure as failure:
            found[name] = failure.json()
            continue
        found[name] = {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
        if kind == STRING:
            found[name]["text"] = data.decode("utf-16-le", "replace").rstrip("\0")
        elif kind == LONG and len(data) == 4:
            found[name]["long"] = int.from_bytes(data, "little")
    return found


def configuration(ca):
    found = {}
    for named, node, entry in ENTRIES:
        key = "\\".join(part for part in ("CA" if named else "", node, entry) if part)
        try:
            value = ca.config(node, entry, None if named else "")
            found[key] = {"vt": value["vt"], "value": call(lambda value=value: ndr.value_of(value))}
        except Failure as failure:
            found[key] = failure.json()
    return found


def session(ca, args, report):
    report["locations"] = ca.locations()
    databases = ca.databases() if args.type == "full" else []
    files = [fetch(ca, args, untagged(name, "D"), index == 0) for index, name in enumerate(databases)]
    logs = ca.logs()
    files += [fetch(ca, args, untagged(name, "!"), False) for name in logs]
    report.update(files=files, databases=len(databases), logs=len(logs))
    if not args.reads_only:
        report["dynamic"] = ca.dynamic()
    if args.truncate:
        ca.truncate()
        report["truncated"] = True
    report["reads"] = {
        "calls": ca.reads, "bytes": ca.read_bytes, "seconds": round(ca.read_seconds, 4),
        "bytes_per_second": round(ca.read_bytes / ca.read_seconds) if ca.read_seconds else None}


def fetch(ca, args, path, probe_end):
    """Reads one file to the size the server gave; the last read is no larger than it must be."""
    size = ca.open(path)
    digest, left = hashlib.sha256(), size
    out = open(target(args.out, path), "wb") if args.out else None
    while left:
        data = ca.read(min(args.read_size, -(-left // PAGE) * PAGE))
        if not data or len(data) > left:
            raise Failure("decode", None, f"{path}: {len(data)} bytes where {left} are left")
        left -= len(data)
        if not args.reads_only:
            digest.update(data)
        if out:
            out.write(data)
    if out:
        out.close()
    if probe_end and ca.read(PAGE):
        raise Failure("decode", None, f"{path}: bytes behind the end")
    ca.close_file()
    return {"name": path, "size": size, "sha256": None if args.reads_only else digest.hexdigest()}


def target(out, path):
    name = path.replace("/", "\\").rpartition("\\")[2]
    if name in ("", ".", ".."):
        raise Failure("decode", None, f"name {path!r}")
    os.makedirs(out, exist_ok=True)
    return os.path.join(out, name)


def references(activated, iid, report):
    """IRemUnknown on the same connection: an alter_context with a security context of its own."""
    other = ndr.IID_ICERTADMIND if iid == ndr.IID_ICERTADMIND2 else ndr.IID_ICERTADMIND2
    call(activated.interface.RemAddRef)
    call(activated.interface.RemRelease)
    try:
        found = call(lambda: activated.interface.RemQueryInterface(1, (other[:16],)))
        report["query_interface"] = "0x00000000"
        release(None, found, 1)
    except Failure as failure:
        report["query_interface"] = failure.json()["code"]
        report["failures"].append(f"RemQueryInterface: {failure}")


def expect(report, what, good):
    if not good:
        report["failures"].append(what)


if __name__ == "__main__":
    main()
