#!/usr/bin/env python3
"""impacket as an independent encoder and decoder of activation. Needs impacket 0.13.1.

  impacket_judge.py record          prints what impacket sends, as hex
  impacket_judge.py check NAME HEX  has impacket read one of our replies, prints what it saw
"""
import sys

from impacket.dcerpc.v5 import dcomrt
from impacket.dcerpc.v5.dtypes import NULL
from impacket.uuid import bin_to_string, string_to_bin, uuidtup_to_bin

CID = string_to_bin("01020304-0506-0708-090a-0b0c0d0e0f10")
CLSID = string_to_bin("d99e6e73-fc88-11d0-b498-00a0c90312f3")
IID = uuidtup_to_bin(("7fe0d935-dda6-443f-85d0-1cfb58fe41dd", "0.0"))[:16]
dcomrt.generate = lambda: CID


class Sent(Exception):
    pass


class Wire:
    """Stands for the connection to the resolver."""

    def __init__(self, answer=None):
        self.answer = answer

    def bind(self, _):
        pass

    def connect(self):
        pass

    def get_auth_type(self):
        return 10

    def get_rpc_transport(self):
        return self

    def getRemoteName(self):
        return "192.0.2.7"

    def request(self, request, *_):
        if self.answer is None:
            raise Sent(request.getData())
        name = request.__class__.__name__ + "Response"
        return getattr(dcomrt, name)(self.answer)


def sent(call):
    try:
        call()
    except Sent as stub:
        return stub.args[0].hex()
    raise SystemExit("nothing was sent")


def resolver(wire):
    return dcomrt.IObjectExporter(wire)


def orpc(request):
    this = dcomrt.ORPCTHIS()
    this["cid"], this["extensions"], this["flags"] = CID, NULL, 0
    request["ORPCthis"] = this
    return request


def references(request):
    element = dcomrt.REMINTERFACEREF()
    element["ipid"], element["cPublicRefs"], element["cPrivateRefs"] = CID, 5, 0
    request["cInterfaceRefs"] = 1
    request["InterfaceRefs"].append(element)
    return request.getData().hex()


def query():
    request = orpc(dcomrt.RemQueryInterface())
    request["ripid"], request["cRefs"], request["cIids"] = CID, 1, 1
    iid = dcomrt.IID()
    iid["Data"] = IID
    request["iids"].append(iid)
    return request.getData().hex()


def record():
    wire = Wire()
    print("RemoteCreateInstance", sent(lambda: dcomrt.IRemoteSCMActivator(wire).RemoteCreateInstance(CLSID, IID)))
    print("RemoteActivation", sent(lambda: dcomrt.IActivation(wire).RemoteActivation(CLSID, IID)))
    print("ResolveOxid", sent(lambda: resolver(wire).ResolveOxid(0x1122334455667788, [7])))
    print("SimplePing", sent(lambda: resolver(wire).SimplePing(0x1122)))
    print("ComplexPing", sent(lambda: resolver(wire).ComplexPing(0, 0, [1, 2], [])))
    print("ComplexPing delete", sent(lambda: resolver(wire).ComplexPing(0x1122, 0, [], [1])))
    print("RemQueryInterface", query())
    print("RemAddRef", references(orpc(dcomrt.RemAddRef())))


def strings(array):
    text = b"".join(unit.to_bytes(2, "little") for unit in array["aStringArray"])
    return array["wSecurityOffset"], text.hex()


def check(name, stub):
    wire = Wire(bytes.fromhex(stub))
    if name in ("RemoteCreateInstance", "RemoteActivation"):
        road = dcomrt.IRemoteSCMActivator if name == "RemoteCreateInstance" else dcomrt.IActivation
        seen = getattr(road(wire), name)(CLSID, IID)
        bindings = [binding["aNetworkAddr"] for binding in seen.get_cinstance().get_string_bindings()]
        level = seen.get_cinstance().get_auth_level()
        print(bin_to_string(seen.get_iPid()), hex(seen.get_oid()), hex(seen.get_oxid()), bindings, level,
              bin_to_string(seen.get_ipidRemUnknown()))
        return
    answer = getattr(dcomrt, name + "Response")(wire.answer)
    answer.dump()


if sys.argv[1] == "record":
    record()
else:
    check(*sys.argv[2:])
