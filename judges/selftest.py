"""Do our judges agree with each other and with the specification? Needs impacket; prints JSON.

Requests: impacket's encoder (`csra_ndr.py`) against bytes packed by hand. Answers: the same bytes
through impacket's decoder and through `csra_hand.py`. A judge that is wrong here proves nothing.
"""

import json
import struct
import sys

from impacket.dcerpc.v5 import dcomrt
from impacket.dcerpc.v5.dtypes import NULL

import csra_hand as hand
import csra_ndr as ndr

CID = bytes(range(16))
DONE = struct.pack("<I", 0)
THAT = struct.pack("<II", 0, 0)


def encoded(request, **fields):
    this = dcomrt.ORPCTHIS()
    this["cid"], this["extensions"], this["flags"] = CID, NULL, 0
    request["ORPCthis"] = this
    for name, value in fields.items():
        request[name] = value
    return request.getData()


def same_but_padding(mine, theirs, referents, paddings):
    """Referents may have any value, padding any content."""
    if len(mine) != len(theirs):
        return False
    mine, theirs = bytearray(mine), bytearray(theirs)
    for at, size in [(at, 4) for at in referents] + paddings:
        mine[at:at + size] = theirs[at:at + size] = bytes(size)
    return mine == theirs


def requests():
    # BackupPrepare("RootCA", full) byte by byte: MS-CSRA 3.1.4.1.18.
    golden = (
        struct.pack("<HHII", 5, 7, 0, 0) + CID + bytes(4)           # 0   ORPCTHIS
        + b"\x01\x00\x00\x00"                                       # 32  referent, any
        + struct.pack("<III", 7, 0, 7)                              # 36  maximum, offset, actual
        + "RootCA\0".encode("utf-16-le") + bytes(2)                 # 48  14 bytes, padding
        + struct.pack("<II", 0, 0)                                  # 64  grbitJet, dwBackupFlags
        + struct.pack("<HHI", 0, 0, 0)                              # 72  annotation, padding, client id
    )
    assert len(golden) == 80
    made = encoded(ndr.BackupPrepare(), pwszAuthority="RootCA\0", grbitJet=0, dwBackupFlags=0,
                   pwszBackupAnnotation=0, dwClientIdentifier=0)
    yield "prepare_is_the_golden_80_bytes", same_but_padding(golden, made, [32], [(62, 2), (74, 2)])
    yield "prepare_by_hand", same_but_padding(hand.prepare("RootCA").stub(CID), golden, [32], [(62, 2), (74, 2)])
    yield "prepare_incremental", hand.prepare("RootCA", True).stub(CID)[64:68] == b"\1\0\0\0"

    made = encoded(ndr.BackupEnd())
    yield "end_is_orpcthis_alone", made == hand.Call(21).stub(CID) and len(made) == 32
    made = encoded(ndr.BackupReadFile(), cbBuffer=0x10000)
    yield "read_is_36_bytes", made == hand.read_file(0x10000).stub(CID) and len(made) == 36
    path = "\\\\h\\s$\\a.edb"
    made = encoded(ndr.BackupOpenFile(), pwszPath=path + "\0")
    yield "open", same_but_padding(hand.open_file(path).stub(CID), made, [32], [])
    made = encoded(ndr.GetCAProperty(), pwszAuthority="CA\0", PropId=6, PropIndex=0, PropType=4)
    # 32 referent, 36 counts, 48 six bytes, 54 padding, 56 three LONGs.
    yield "ca_property", same_but_padding(hand.ca_property("CA", 6, 0, 4).stub(CID), made, [32], [(54, 2)])
    made = encoded(ndr.GetConfigEntry(), pwszAuthority="CA\0", pwszNodePath="\0", pwszEntry="Active\0")
    # 32 CA (54 padding), 56 empty node (72 two bytes, 74 padding), 76 entry without a referent.
    yield "config_entry", same_but_padding(
        hand.config_entry("CA", "", "Active").stub(CID), made, [32, 56], [(54, 2), (74, 2)])


def read_both(name, stub, by_hand, by_impacket):
    return by_hand(hand.answer(name, stub)), by_impacket(getattr(ndr, f"{name}Response")(stub))


def units(value):
    return "".join(map(chr, value["Data"])) if hasattr(value, "fields") and "Data" in value.fields else \
        "".join(map(chr, value))


def answers():
    names = "D\\\\h\\s$\\a.edb\0D\\\\h\\s$\\bc.edb\0\0"
    data = names.encode("utf-16-le")
    stub = hand.pad(THAT + struct.pack("<II", 0x20000, len(names)) + data, 4) + struct.pack("<i", len(names)) + DONE
    mine, theirs = read_both("BackupGetAttachmentInformation", stub, hand.file_list,
                             lambda answer: (units(answer["ppwszzDBFiles"]), answer["pcwc"]))
    yield "file_list", mine == names[:-2].split("\0") and theirs == (names, len(names))
    odd = "!a\0\0\0"[:4] + "\0"
    stub = hand.pad(THAT + struct.pack("<II", 0x20000, 5) + odd.encode("utf-16-le"), 4) + struct.pack("<i", 5) + DONE
    theirs = ndr.BackupGetBackupLogsResponse(stub)
    yield "file_list_of_odd_length_is_padded", (units(theirs["ppwszzLogFiles"]), theirs["pcwc"]) == (odd, 5)
    stub = THAT + struct.pack("<Ii", 0, 0) + DONE
    yield "empty_list", hand.file_list(hand.answer("", stub)) == [] and \
        ndr.BackupGetDynamicFilesResponse(stub)["pcwc"] == 0

    stub = THAT + struct.pack("<Q", 0x1_0203_0405) + DONE
    mine, theirs = read_both("BackupOpenFile", stub, lambda r: r.u64(), lambda a: a["pliLength"])
    yield "file_size_at_8", mine == theirs == 0x1_0203_0405

    stub = hand.pad(THAT + struct.pack("<I", 7) + b"abcdefg", 4) + struct.pack("<i", 3) + DONE
    mine, theirs = read_both("BackupReadFile", stub, lambda r: hand.read_answer(r, 7),
                             lambda a: (bytes(a["pbBuffer"]), a["pcbRead"]))
    yield "read_has_the_whole_buffer", mine == b"abc" and theirs == (b"abcdefg", 3)

    stub = hand.pad(THAT + struct.pack("<III", 5, 0x20000, 5) + b"12345", 4) + DONE
    mine, theirs = read_both("GetCAProperty", stub, hand.blob,
                             lambda a: (a["pctbOut"]["cb"], b"".join(a["pctbOut"]["pb"])
                                        if isinstance(a["pctbOut"]["pb"], list) else bytes(a["pctbOut"]["pb"])))
    yield "blob", mine == b"12345" and theirs == (5, b"12345")
    stub = THAT + struct.pack("<II", 0, 0) + DONE
    yield "empty_blob", hand.blob(hand.answer("", stub)) == b"" and \
        ndr.GetCAPropertyResponse(stub)["pctbOut"]["cb"] == 0

    # VARIANT of VT_I4: referent, padding to 8, clSize, reserved, vt, 3 reserved, discriminant, value.
    stub = THAT + struct.pack("<II", 0x20000, 0) + struct.pack("<IIHHHHIi", 3, 0, 3, 0, 0, 0, 3, 0x441) + DONE
    theirs = ndr.GetConfigEntryResponse(stub)
    yield "variant_i4", theirs["pVariant"]["_varUnion"]["lVal"] == 0x441
    text = "CA".encode("utf-16-le")
    stub = THAT + struct.pack("<II", 0x20000, 0) + struct.pack("<IIHHHHI", 5, 0, 8, 0, 0, 0, 8)
    stub = hand.pad(stub + struct.pack("<IIII", 0x20004, 2, 4, 2) + text, 4) + DONE
    theirs = ndr.GetConfigEntryResponse(stub)
    yield "variant_bstr", theirs["pVariant"]["_varUnion"]["bstrVal"]["asData"] == "CA"
    # An array: two pointers, the conformance of the bounds, the SAFEARRAY, its elements (MS-OAUT 2.2.30).
    head = struct.pack("<II", 0x20000, 0)
    stub = THAT + head + struct.pack("<IIHHHHI", 9, 0, 0x2008, 0, 0, 0, 0x2000)
    stub += struct.pack("<III", 2, 3, 1) + struct.pack("<HHII", 1, 0x180, 4, 0) + struct.pack("<III", 8, 2, 4)
    stub += struct.pack("<Ii", 2, 0) + struct.pack("<III", 2, 5, 6)
    for text in ("http://a", "b"):
        stub = hand.pad(stub + struct.pack("<III", len(text), 2 * len(text), len(text)) + text.encode("utf-16-le"), 4)
    yield "variant_strings", ndr.value_of(ndr.GetConfigEntryResponse(stub + DONE)["pVariant"]) == ["http://a", "b"]
    stub = THAT + head + struct.pack("<IIHHHHI", 9, 0, 0x2011, 0, 0, 0, 0x2000)
    stub += struct.pack("<III", 2, 3, 1) + struct.pack("<HHII", 1, 0x80, 1, 0) + struct.pack("<III", 16, 3, 4)
    stub = hand.pad(stub + struct.pack("<Ii", 3, 0) + struct.pack("<I", 3) + b"abc", 4) + DONE
    yield "variant_bytes", ndr.value_of(ndr.GetConfigEntryResponse(stub)["pVariant"]) == "616263"


def activation():
    """impacket takes our hand-made activation request apart."""
    stub = hand.create_instance(CID, [hand.IID_ICERTADMIND2, hand.IID_ICERTADMIND])
    request = dcomrt.RemoteCreateInstance(stub)
    objref = dcomrt.OBJREF_CUSTOM(b"".join(request["pActProperties"]["abData"]))
    blob = dcomrt.ACTIVATION_BLOB(objref["pObjectData"])
    sizes = [size["Data"] for size in blob["CustomHeader"]["pSizes"]]
    yield "activation_header", (
        blob["CustomHeader"]["cIfs"] == 3 and blob["CustomHeader"]["totalSize"] == len(objref["pObjectData"]) - 8
        and blob["CustomHeader"]["headerSize"] + sum(sizes) == blob["CustomHeader"]["totalSize"])
    # impacket looks behind the header's last field; an odd number of properties has padding there.
    properties = objref["pObjectData"][8 + blob["CustomHeader"]["headerSize"]:]
    instance = dcomrt.InstantiationInfoData()
    used = instance.fromString(properties[:sizes[0]])
    instance.fromStringReferents(properties[used:sizes[0]])
    yield "activation_instance", (
        instance["classId"] == ndr.CLSID_CERTADMIN and instance["cIID"] == 2 and instance["thisSize"] == sizes[0]
        and [iid["Data"] for iid in instance["pIID"]]
        == [ndr.IID_ICERTADMIND2[:16], ndr.IID_ICERTADMIND[:16]])
    request = dcomrt.ScmRequestInfoData()
    data = properties[sizes[0] + sizes[1]:]
    used = request.fromString(data)
    request.fromStringReferents(data[used:])
    yield "activation_request", list(request["remoteRequest"]["pRequestedProtseqs"]) == [7]


def main():
    results = {}
    for group in (requests, answers, activation):
        try:
            results.update(group())
        except Exception as error:  # noqa: BLE001  a judge that throws is a judge that failed
            results[group.__name__] = f"{type(error).__name__}: {error}"
    failures = [name for name, good in results.items() if good is not True]
    print(json.dumps({"checks": len(results), "failures": {name: results[name] for name in failures}}))
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
