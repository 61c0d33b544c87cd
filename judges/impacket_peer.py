"""What both impacket programs need: the resolver's port, calls that keep their code, connections of our own.

impacket knows port 135 only, names a fault by text only, and shares one connection to an object
exporter between all clients of a process. This module mends the three from outside.
"""

import os
import time

from impacket.dcerpc.v5 import dcomrt, rpcrt, transport
from impacket.dcerpc.v5.dtypes import NULL
from impacket.uuid import generate

import csra_ndr as ndr

LEVELS = {"none": 1, "connect": 2, "integrity": 5, "privacy": 6}
PDU_FAULT, PDU_BIND_NAK = 3, 13


class Failure(Exception):
    """A call that did not succeed: `kind` is fault, hresult, bind or transport; `code` a number or None."""

    def __init__(self, kind, code, text):
        super().__init__(f"{kind} {'-' if code is None else f'0x{code:08x}'}: {text}")
        self.kind, self.code, self.text = kind, code, text

    def json(self):
        return {"kind": self.kind, "code": None if self.code is None else f"0x{self.code:08x}", "text": self.text}


_last_pdu = bytearray()
_received = transport.TCPTransport.recv
_factory = transport.DCERPCTransportFactory


def _recording_recv(self, forceRecv=0, count=0):
    data = _received(self, forceRecv, count)
    # A PDU of a call is read as its header and the rest, any other in one piece.
    if count in (0, rpcrt.MSRPCRespHeader._SIZE):
        _last_pdu.clear()
    if len(_last_pdu) < 64:
        _last_pdu.extend(data[:64])
    return data


def patch(port):
    """Connections without a port go to the resolver at `port`, and the last PDU is remembered."""
    def factory(binding):
        bare = binding.startswith("ncacn_ip_tcp:") and "[" not in binding
        return _factory(f"{binding}[{port}]" if bare else binding)

    transport.DCERPCTransportFactory = factory
    transport.TCPTransport.recv = _recording_recv


def call(action):
    """Runs `action`; what impacket raises becomes a `Failure` with its number."""
    _last_pdu.clear()
    try:
        return action()
    except Failure:
        raise
    except Exception as error:
        kind = _last_pdu[2] if len(_last_pdu) > 2 else None
        text = " ".join(str(error).split())[:200]
        if kind == PDU_FAULT and len(_last_pdu) >= 28:
            raise Failure("fault", int.from_bytes(_last_pdu[24:28], "little"), text) from error
        code = getattr(error, "error_code", None)
        if isinstance(code, int) and code:
            raise Failure("hresult", code & 0xFFFFFFFF, text) from error
        if kind == PDU_BIND_NAK:
            raise Failure("bind", int.from_bytes(_last_pdu[16:18], "little"), text) from error
        where = "transport" if isinstance(error, (OSError, rpcrt.DCERPCException)) else "decode"
        raise Failure(where, None, f"{type(error).__name__}: {text}") from error


def password(args):
    if args.password_file:
        with open(args.password_file, encoding="utf-8") as file:
            return file.read().rstrip("\r\n")
    return os.environ.get("CSBACKUP_PASSWORD", "")


def add_connection_arguments(parser):
    parser.add_argument("--host", required=True, help="address to connect to")
    parser.add_argument("--port", type=int, default=135, help="the resolver's port")
    parser.add_argument("--name", help="the server's name in its SPN `host/NAME`; default: the host")
    parser.add_argument("--ca", required=True, help="name of the CA")
    parser.add_argument("--user", default="")
    parser.add_argument("--domain", default="")
    parser.add_argument("--password-file", help="else the environment's CSBACKUP_PASSWORD")
    parser.add_argument("--auth", choices=["ntlm", "kerberos"], default="ntlm",
                        help="kerberos: SPNEGO, with the tickets of KRB5CCNAME (kinit, kvno host/NAME)")


class Activated:
    """One activated object, by impacket's own activation."""

    def __init__(self, args, clsid=ndr.CLSID_CERTADMIN, iid=ndr.IID_ICERTADMIND2, level="privacy", secret=None,
                 user=None):
        self.args = args
        self.kerberos = args.auth == "kerberos"
        # With Kerberos the name is for the ticket and the host for the socket; NTLM needs no name.
        target = (args.name or args.host) if self.kerberos else args.host
        self.secret = password(args) if secret is None else secret
        self.user = args.user if user is None else user
        self.connection = call(lambda: dcomrt.DCOMConnection(
            target, "" if self.kerberos else self.user, "" if self.kerberos else self.secret, args.domain,
            authLevel=LEVELS[level], doKerberos=self.kerberos, remoteHost=args.host if self.kerberos else None))
        self.target = target
        try:
            self.interface = call(lambda: self.connection.CoCreateInstanceEx(clsid, iid))
        except Failure:
            self.close()
            raise
        standard = dcomrt.OBJREF_STANDARD(self.interface.get_objRef())["std"]
        self.public_refs, self.oid = standard["cPublicRefs"], standard["oid"]
        self.bindings = [binding["aNetworkAddr"].rstrip("\0")
                         for binding in self.interface.get_cinstance().get_string_bindings()
                         if binding["wTowerId"] == 7]
        self.authn_hint = self.interface.get_cinstance()._CLASS_INSTANCE__authLevel
        self.substituted = self._reachable()

    def _reachable(self):
        """impacket wants the target's own name among the bindings; else we keep the port and take the host."""
        if any(self.target.upper() in binding.upper() for binding in self.bindings):
            return False
        for binding in self.interface.get_cinstance().get_string_bindings():
            if binding["wTowerId"] == 7 and "[" in binding["aNetworkAddr"]:
                binding["aNetworkAddr"] = f"{self.target}[{self.port()}]\0"
                return True
        return False

    def port(self):
        """The exporter's port."""
        for binding in self.bindings:
            if "[" in binding:
                return int(binding.partition("[")[2].rstrip("]"))
        raise Failure("decode", None, f"no binding has a port: {self.bindings}")

    def close(self):
        # impacket forgets the connection before it closes it, and stumbles where no object was made.
        portmap = self.connection._DCOMConnection__portmap
        for end in (self.connection.disconnect, portmap.disconnect):
            try:
                end()
            except Exception:  # noqa: BLE001  it may be gone already
                pass


class Wire:
    """A connection of our own to the object exporter: any level, nothing shared."""

    def __init__(self, activated, level="privacy", iid=ndr.IID_ICERTADMIND2, secret=None, user=None):
        args = activated.args
        self.iid, self.ipid = iid, activated.interface.get_iPid()
        self.orpc_this = activated.interface.get_cinstance().get_ORPCthis()
        rpc = transport.DCERPCTransportFactory(f"ncacn_ip_tcp:{args.host}[{activated.port()}]")
        if activated.kerberos:
            rpc.setRemoteName(activated.target)
            rpc.set_credentials("", "", args.domain)
            rpc.set_kerberos(True)
        else:
            rpc.set_credentials(activated.user if user is None else user,
                                activated.secret if secret is None else secret, args.domain)
        self.dce = rpc.get_dce_rpc()
        self.dce.set_auth_level(LEVELS[level])
        if activated.kerberos:
            self.dce.set_auth_type(rpcrt.RPC_C_AUTHN_GSS_NEGOTIATE)
        call(self.dce.connect)
        try:
            call(lambda: self.dce.bind(iid))
        except Failure:
            self.close()
            raise

    def request(self, request, ipid=None, flags=0, version=(5, 7)):
        this = dcomrt.ORPCTHIS()
        this["cid"], this["extensions"], this["flags"] = generate(), NULL, flags
        this["version"]["MajorVersion"], this["version"]["MinorVersion"] = version
        request["ORPCthis"] = this
        return call(lambda: self.dce.request(request, self.ipid if ipid is None else ipid))

    def raw(self, opnum, stub, ipid=None):
        """A stub as it is; the answer's bytes."""
        def send():
            self.dce.call(opnum, stub, self.ipid if ipid is None else ipid)
            return self.dce.recv()

        return call(send)

    def close(self):
        try:
            self.dce.disconnect()
        except Exception:  # noqa: BLE001  it may be gone already
            pass


class Shared:
    """The same calls along impacket's own path: its connection, its alter_context, its references."""

    def __init__(self, activated, iid):
        self.interface, self.iid = activated.interface, iid

    def request(self, request):
        return call(lambda: self.interface.request(request, self.iid, self.interface.get_iPid()))


class Ca:
    """The methods of MS-CSRA over `Wire` or `Shared`."""

    def __init__(self, road, name):
        self.road, self.name = road, name
        self.read_seconds, self.read_bytes, self.reads = 0.0, 0, 0

    def ask(self, request, **fields):
        for name, value in fields.items():
            request[name] = value
        return self.road.request(request)

    def named(self, request, authority=None, **fields):
        authority = self.name if authority is None else authority
        return self.ask(request, pwszAuthority=f"{authority}\0", **fields)

    def ping(self, authority=None):
        self.named(ndr.Ping(), authority)

    def ping2(self, authority=None):
        self.named(ndr.Ping2(), authority)

    def state(self, authority=None):
        return self.named(ndr.GetServerState(), authority)["pdwState"]

    def roles(self, authority=None):
        return self.named(ndr.GetMyRoles(), authority)["pdwRoles"]

    def control(self, flags):
        self.named(ndr.ServerControl(), dwControlFlags=flags)

    def prop(self, prop, index, kind, authority=None):
        answer = self.named(ndr.GetCAProperty(), authority, PropId=prop, PropIndex=index, PropType=kind)["pctbOut"]
        return blob(answer)

    def prop_info(self):
        answer = self.named(ndr.GetCAPropertyInfo())
        return answer["pcProperty"], blob(answer["pctbOut"])

    def config(self, node, entry, authority=None):
        return self.named(ndr.GetConfigEntry(), authority, pwszNodePath=f"{node}\0", pwszEntry=f"{entry}\0")["pVariant"]

    def prepare(self, incremental=0, authority=None):
        self.named(ndr.BackupPrepare(), authority, grbitJet=int(incremental), dwBackupFlags=0,
                   pwszBackupAnnotation=0, dwClientIdentifier=0)

    def databases(self):
        answer = self.ask(ndr.BackupGetAttachmentInformation())
        return names(answer["ppwszzDBFiles"], answer["pcwc"])

    def logs(self):
        answer = self.ask(ndr.BackupGetBackupLogs())
        return names(answer["ppwszzLogFiles"], answer["pcwc"])

    def dynamic(self):
        answer = self.ask(ndr.BackupGetDynamicFiles())
        return names(answer["ppwszzFiles"], answer["pcwc"])

    def locations(self):
        answer = self.ask(ndr.RestoreGetDatabaseLocations())
        return names(answer["ppwszzDatabaseLocations"], answer["pcwc"])

    def open(self, path):
        return self.ask(ndr.BackupOpenFile(), pwszPath=f"{path}\0")["pliLength"]

    def read(self, size):
        begin = time.perf_counter()
        answer = self.ask(ndr.BackupReadFile(), cbBuffer=size)
        self.read_seconds += time.perf_counter() - begin
        data, count = answer["pbBuffer"], answer["pcbRead"]
        if len(data) != size:
            raise Failure("decode", None, f"asked for {size} bytes, the array has {len(data)}")
        if not 0 <= count <= size:
            raise Failure("decode", None, f"pcbRead is {count} of {size}")
        self.read_bytes += count
        self.reads += 1
        return data[:count]

    def close_file(self):
        self.ask(ndr.BackupCloseFile())

    def truncate(self):
        self.ask(ndr.BackupTruncateLogs())

    def end(self):
        self.ask(ndr.BackupEnd())


def release(road, interface, public_refs):
    """RemRelease of all references we were given; impacket's own gives back one only."""
    request = dcomrt.RemRelease()
    request["cInterfaceRefs"] = 1
    element = dcomrt.REMINTERFACEREF()
    element["ipid"], element["cPublicRefs"], element["cPrivateRefs"] = interface.get_iPid(), public_refs, 0
    request["InterfaceRefs"].append(element)
    return call(lambda: interface.request(request, dcomrt.IID_IRemUnknown, interface.get_ipidRemUnknown()))


def blob(answer):
    data = answer["pb"]
    data = b"" if answer["cb"] == 0 else b"".join(data) if isinstance(data, list) else bytes(data)
    if len(data) != answer["cb"]:
        raise Failure("decode", None, f"CERTTRANSBLOB says {answer['cb']}, has {len(data)}")
    return data


def names(array, count):
    """The names of a list. The count is in characters and covers every NUL."""
    if not count:
        return []
    text = "".join(map(chr, array))
    if len(text) != count:
        raise Failure("decode", None, f"pcwc is {count}, the array has {len(text)}")
    if not text.endswith("\0\0"):
        raise Failure("decode", None, "list without its last NUL")
    return text[:-2].split("\0")


def untagged(name, tags="D!"):
    if name[:1] not in tags:
        raise Failure("decode", None, f"name {name!r} has none of the tags {tags!r}")
    return name[1:]
