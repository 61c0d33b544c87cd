"""MS-CSRA and DCOM activation packed and taken apart by hand, with nobody's NDR library.

The second opinion: `samba_probe.py` speaks with it, `selftest.py` compares it with `csra_ndr.py`.
Layouts: MS-CSRA 6, MS-DCOM 2.2.13, 2.2.18, 2.2.19, 2.2.22, MS-RPCE 2.2.6. Little-endian throughout.
"""

import struct
import uuid

CLSID_CERTADMIN = "d99e6e73-fc88-11d0-b498-00a0c90312f3"
IID_ICERTADMIND = "d99e6e71-fc88-11d0-b498-00a0c90312f3"
IID_ICERTADMIND2 = "7fe0d935-dda6-443f-85d0-1cfb58fe41dd"
IID_IREMOTESCMACTIVATOR = "000001a0-0000-0000-c000-000000000046"
IID_IREMUNKNOWN = "00000131-0000-0000-c000-000000000046"
IID_IREMUNKNOWN2 = "00000143-0000-0000-c000-000000000046"
IID_IOBJECTEXPORTER = "99fcfec4-5260-101b-bbcb-00aa0021347a"
IID_IMGMT = "afa8bd80-7d8a-11c9-bef4-08002b102989"


def short_guid(start):
    return f"{start:08x}-0000-0000-c000-000000000046"


ACTIVATION_IN, ACTIVATION_OUT = short_guid(0x1A2), short_guid(0x1A3)
CLSID_ACTIVATION_IN, CLSID_ACTIVATION_OUT = short_guid(0x338), short_guid(0x339)
CLSID_INSTANTIATION, CLSID_LOCATION, CLSID_REQUEST = short_guid(0x1AB), short_guid(0x1A4), short_guid(0x1AA)
CLSID_SCM_REPLY = short_guid(0x1B6)

UNEXPECTED, BAD_SEQUENCE, ACCESS_DENIED, INVALID_ARGUMENT = 0x8000FFFF, 0xC8000209, 0x80070005, 0x80070057


class Refused(Exception):
    """The method answered with this HRESULT."""

    def __init__(self, method, code):
        super().__init__(f"{method}: 0x{code:08x}")
        self.code = code


def guid(text):
    return uuid.UUID(text).bytes_le


def pad(data, to):
    return data + bytes(-len(data) % to)


def orpc_this(cid, flags=0, version=(5, 7)):
    return struct.pack("<HHII16sI", *version, flags, 0, cid, 0)


def string(text):
    units = (text + "\0").encode("utf-16-le")
    count = len(units) // 2
    return struct.pack("<III", count, 0, count) + units


def unique_string(text, referent=0x20000):
    return struct.pack("<I", 0) if text is None else struct.pack("<I", referent) + string(text)


class Reader:
    """Reads from the start of a stub, aligned to it."""

    def __init__(self, data, at=0):
        self.data, self.at = bytes(data), at

    def align(self, to):
        self.at += -self.at % to

    def take(self, count):
        piece = self.data[self.at:self.at + count]
        if len(piece) != count:
            raise ValueError(f"{count} bytes wanted at {self.at}, {len(self.data)} there are")
        self.at += count
        return piece

    def number(self, size, signed=False):
        self.align(size)
        return int.from_bytes(self.take(size), "little", signed=signed)

    def u16(self):
        return self.number(2)

    def u32(self):
        return self.number(4)

    def i32(self):
        return self.number(4, True)

    def u64(self):
        return self.number(8)

    def guid(self):
        self.align(4)
        return str(uuid.UUID(bytes_le=self.take(16)))

    def rest(self):
        return self.data[self.at:]


class Call:
    """What one method takes, behind the ORPCTHIS."""

    def __init__(self, opnum, takes=b""):
        self.opnum, self.takes = opnum, takes

    def stub(self, cid):
        return orpc_this(cid) + self.takes


def authority(name, then=b""):
    return pad(unique_string(name), 4) + then


def prepare(name, incremental=False):
    # The annotation: u16 and two bytes of padding; see building-blocks.md.
    return Call(20, authority(name, struct.pack("<IIHHI", int(incremental), 0, 0, 0, 0)))


def open_file(path):
    return Call(24, unique_string(path))


def read_file(size):
    return Call(25, struct.pack("<i", size))


def ca_property(name, prop, index, kind):
    return Call(32, authority(name, struct.pack("<iii", prop, index, kind)))


def config_entry(name, node, entry):
    return Call(44, authority(name, pad(unique_string(node), 4) + string(entry)))


def answer(method, data):
    """The reader behind the ORPCTHAT, when the HRESULT at the end is success."""
    reader = Reader(data)
    reader.u32()
    if reader.u32():
        raise ValueError("ORPC extensions in an answer")
    code = int.from_bytes(data[-4:], "little")
    if code:
        raise Refused(method, code)
    return reader


def finished(reader):
    """Only the HRESULT may be left."""
    reader.align(4)
    if len(reader.rest()) != 4:
        raise ValueError(f"{len(reader.rest())} bytes left where the HRESULT alone belongs")


def file_list(reader):
    units = ""
    referent = reader.u32()
    if referent:
        count = reader.u32()
        units = reader.take(count * 2).decode("utf-16-le")
    counted = reader.i32()
    if counted != len(units):
        raise ValueError(f"pcwc is {counted}, the array has {len(units)}")
    finished(reader)
    if units and not units.endswith("\0\0"):
        raise ValueError("list without its last NUL")
    return units[:-2].split("\0") if units else []


def blob(reader):
    size, referent = reader.u32(), reader.u32()
    data = reader.take(reader.u32()) if referent else b""
    if len(data) != size:
        raise ValueError(f"CERTTRANSBLOB says {size}, has {len(data)}")
    finished(reader)
    return data


def read_answer(reader, asked):
    maximum = reader.u32()
    if maximum != asked:
        raise ValueError(f"asked for {asked} bytes, the array has {maximum}")
    data = reader.take(maximum)
    count = reader.i32()
    if not 0 <= count <= asked:
        raise ValueError(f"pcbRead is {count} of {asked}")
    finished(reader)
    return data[:count]


def pickle(body):
    """One structure in Type Serialization version 1."""
    body = pad(body, 8)
    return bytes.fromhex("01100800cccccccc") + struct.pack("<II", len(body), 0) + body


def create_instance(cid, iids, clsid=CLSID_CERTADMIN):
    """The stub of RemoteCreateInstance with the three properties a server must have, and no other."""
    count = len(iids)
    location = pickle(struct.pack("<IIII", 0, 0, 0, 0))
    request = pickle(struct.pack("<IIIHHIIH", 0, 0x20000, 2, 1, 0, 0x20004, 1, 7))
    instance = guid(clsid) + struct.pack("<IIiIII", 0x14, 0, 0, count, 0, 0x20000)
    # thisSize counts the headers too, so it is known only afterwards.
    tail = struct.pack("<HHI", 5, 7, count) + b"".join(map(guid, iids))
    size = len(pickle(instance + bytes(4) + tail))
    instance = pickle(instance + struct.pack("<I", size) + tail)
    properties = {CLSID_INSTANTIATION: instance, CLSID_LOCATION: location, CLSID_REQUEST: request}

    def header(total, own):
        body = struct.pack("<IIIII16xIII", total, own, 0, 2, len(properties), 0x20000, 0x20004, 0)
        body += struct.pack("<I", len(properties)) + b"".join(map(guid, properties))
        body += struct.pack("<I", len(properties)) + b"".join(struct.pack("<I", len(p)) for p in properties.values())
        return pickle(body)

    own = len(header(0, 0))
    total = own + sum(map(len, properties.values()))
    data = struct.pack("<II", total, 0) + header(total, own) + b"".join(properties.values())
    data = (b"MEOW" + struct.pack("<I", 4) + guid(ACTIVATION_IN) + guid(CLSID_ACTIVATION_IN)
            + struct.pack("<II", 0, len(data) + 8) + data)
    return orpc_this(cid) + struct.pack("<IIII", 0, 0x20000, len(data), len(data)) + data


def unpickle(data):
    if data[:8] != bytes.fromhex("01100800cccccccc"):
        raise ValueError(f"serialization header {data[:8].hex()}")
    length = int.from_bytes(data[8:12], "little")
    if length % 8 or length > len(data) - 16:
        raise ValueError(f"serialized length {length} of {len(data) - 16}")
    return Reader(data[16:16 + length]), 16 + length


def bindings(reader):
    """A DUALSTRINGARRAY without its conformance: (tower, address), (service, principal)."""
    entries, security = reader.u16(), reader.u16()
    units = reader.take(entries * 2)
    found = [], []
    for list_, part in zip(found, (units[:security * 2], units[security * 2:])):
        part = Reader(part)
        while part.rest() and (number := part.u16()):
            if list_ is found[1]:
                part.u16()
            text = ""
            while unit := part.u16():
                text += chr(unit)
            list_.append((number, text))
    return found


def object_reference(data):
    """An OBJREF_STANDARD or _EXTENDED."""
    reader = Reader(data)
    if reader.take(4) != b"MEOW":
        raise ValueError("OBJREF without its signature")
    kind, iid = reader.u32(), reader.guid()
    if kind not in (1, 8):
        raise ValueError(f"OBJREF flags {kind}")
    found = {"iid": iid, "flags": reader.u32(), "public": reader.u32()}
    found |= {"oxid": int.from_bytes(reader.take(8), "little"), "oid": int.from_bytes(reader.take(8), "little")}
    return found | {"ipid": str(uuid.UUID(bytes_le=reader.take(16)))}


def created_instance(data):
    """What RemoteCreateInstance answered: SCM reply, HRESULT and reference of each interface."""
    code = int.from_bytes(data[-4:], "little")
    if code:
        raise Refused("RemoteCreateInstance", code)
    reader = Reader(data)
    reader.u32(), reader.u32()
    if not reader.u32():
        raise ValueError("no activation properties")
    maximum, count = reader.u32(), reader.u32()
    if maximum != count:
        raise ValueError(f"MInterfacePointer: conformance {maximum}, ulCntData {count}")
    objref = Reader(reader.take(count))
    if objref.take(8) != b"MEOW\4\0\0\0":
        raise ValueError("activation properties are no OBJREF_CUSTOM")
    if (objref.guid(), objref.guid()) != (ACTIVATION_OUT, CLSID_ACTIVATION_OUT):
        raise ValueError("OBJREF_CUSTOM is not for activation properties")
    objref.u32(), objref.u32()
    size = objref.u32()
    objref.u32()
    rest = objref.rest()
    if size != len(rest):
        raise ValueError(f"dwSize {size}, there are {len(rest)}")
    header, used = unpickle(rest)
    total, header_size = header.u32(), header.u32()
    if (total, header_size) != (size, used):
        raise ValueError(f"CustomHeader: totalSize {total} of {size}, headerSize {header_size} of {used}")
    header.u32(), header.u32()
    number = header.u32()
    header.take(16)
    header.take(12)
    header.u32()
    clsids = [header.guid() for _ in range(number)]
    header.u32()
    sizes = [header.u32() for _ in range(number)]
    found, at = {"properties": clsids}, used
    for clsid, length in zip(clsids, sizes):
        body, _ = unpickle(rest[at:at + length])
        at += length
        if clsid == CLSID_SCM_REPLY:
            found |= scm_reply(body)
        elif clsid == CLSID_ACTIVATION_OUT:
            found["interfaces"] = properties_out(body)
    if at != size:
        raise ValueError(f"properties end at {at} of {size}")
    return found


def scm_reply(body):
    body.u32()
    if not body.u32():
        raise ValueError("ScmReplyInfo without a remote reply")
    found = {"oxid": body.u64()}
    referent = body.u32()
    found |= {"ipid_rem_unknown": body.guid(), "authn_hint": body.u32(), "version": (body.u16(), body.u16())}
    if referent:
        body.u32()
        found["bindings"], found["security"] = bindings(body)
    return found


def properties_out(body):
    count, iids, results, pointers = body.u32(), body.u32(), body.u32(), body.u32()
    if not (iids and results and pointers):
        raise ValueError("PropsOutInfo with a NULL array")
    body.u32()
    iids = [body.guid() for _ in range(count)]
    body.u32()
    codes = [body.u32() for _ in range(count)]
    body.u32()
    referents = [body.u32() for _ in range(count)]
    found = []
    for iid, code, referent in zip(iids, codes, referents):
        one = {"iid": iid, "hresult": f"0x{code:08x}"}
        if referent:
            body.u32()
            one |= object_reference(body.take(body.u32()))
        found.append(one)
    return found


def release(cid, references):
    """The stub of IRemUnknown::RemRelease for (ipid, public count) pairs."""
    stub = orpc_this(cid) + struct.pack("<HHI", len(references), 0, len(references))
    return stub + b"".join(guid(ipid) + struct.pack("<II", public, 0) for ipid, public in references)
