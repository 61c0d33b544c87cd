"""MS-CSRA in impacket's NDR classes: what impacket's encoder and decoder take the protocol to be.

Written from MS-CSRA section 6 and 2.2; impacket itself knows nothing of it. impacket looks up the
response of class `X` as `XResponse` in this module, and the exception as `DCERPCSessionError`.
"""

from impacket.dcerpc.v5.dcom.oaut import (SAFEARR_BSTR, SAFEARRAYBOUND_ARRAY, SF_TYPE, VARENUM, varUnion,
                                           wireVARIANTStr)
from impacket.dcerpc.v5.dcomrt import DCOMANSWER, DCOMCALL, DCERPCSessionError  # noqa: F401
from impacket.dcerpc.v5.dtypes import DWORD, LONG, LPWSTR, ULONG, ULONGLONG, USHORT, WSTR
from impacket.dcerpc.v5.ndr import NDRPOINTER, NDRSTRUCT, NDRUNION, NDRUniConformantArray
from impacket.uuid import string_to_bin, uuidtup_to_bin

CLSID_CERTADMIN = string_to_bin("d99e6e73-fc88-11d0-b498-00a0c90312f3")
IID_ICERTADMIND = uuidtup_to_bin(("d99e6e71-fc88-11d0-b498-00a0c90312f3", "0.0"))
IID_ICERTADMIND2 = uuidtup_to_bin(("7fe0d935-dda6-443f-85d0-1cfb58fe41dd", "0.0"))


class ByteArray(NDRUniConformantArray):
    """Conformant bytes, taken in one slice: impacket's own walk costs a call for each byte."""

    def unpack(self, fieldName, fieldTypeOrClass, data, offset=0):
        size = self.getArraySize()
        value = data[offset:offset + size]
        if len(value) != size:
            raise ValueError(f"conformant array of {size} bytes, {len(value)} left")
        self.fields[fieldName] = value
        return size


class PByteArray(NDRPOINTER):
    referent = (("Data", ByteArray),)


class WCharArray(NDRUniConformantArray):
    item = "<H"


class PWCharArray(NDRPOINTER):
    referent = (("Data", WCharArray),)


class CERTTRANSBLOB(NDRSTRUCT):
    structure = (("cb", ULONG), ("pb", PByteArray))


# MS-OAUT 2.2.29 and 2.2.30 have an array behind two pointers and its bytes behind a third; impacket
# has them in place, so these few are our own.
class ByteSizedArray(NDRSTRUCT):
    structure = (("clSize", ULONG), ("pData", PByteArray))


class ArrayUnion(NDRUNION):
    commonHdr = (("tag", ULONG),)
    union = {SF_TYPE.SF_BSTR: ("BstrStr", SAFEARR_BSTR), SF_TYPE.SF_I1: ("ByteStr", ByteSizedArray)}


class SafeArray(NDRSTRUCT):
    structure = (("cDims", USHORT), ("fFeatures", USHORT), ("cbElements", ULONG), ("cLocks", ULONG),
                 ("uArrayStructs", ArrayUnion), ("rgsabound", SAFEARRAYBOUND_ARRAY))


class PSafeArray(NDRPOINTER):
    referent = (("Data", SafeArray),)


class PPSafeArray(NDRPOINTER):
    referent = (("Data", PSafeArray),)


class VariantUnion(NDRUNION):
    commonHdr = varUnion.commonHdr
    union = {**varUnion.union, VARENUM.VT_ARRAY: ("parray", PPSafeArray)}


class WireVariant(wireVARIANTStr):
    structure = (*wireVARIANTStr.structure[:-1], ("_varUnion", VariantUnion))


class VARIANT(NDRPOINTER):
    referent = (("Data", WireVariant),)


def value_of(variant):
    """The value of a VARIANT of the kinds a registry value becomes."""
    kind, arm = variant["vt"], variant["_varUnion"]
    if kind == VARENUM.VT_I4:
        return arm["lVal"]
    if kind == VARENUM.VT_BSTR:
        return arm["bstrVal"]["asData"]
    if kind == VARENUM.VT_ARRAY | VARENUM.VT_BSTR:
        return [one["asData"] for one in arm["parray"]["uArrayStructs"]["BstrStr"]["aBstr"]]
    if kind == VARENUM.VT_ARRAY | VARENUM.VT_UI1:
        return bytes(arm["parray"]["uArrayStructs"]["ByteStr"]["pData"]).hex()
    raise ValueError(f"VARIANT of type {kind}")


def call(name, opnum, takes, gives):
    """Makes the classes of one method."""
    globals()[name] = type(name, (DCOMCALL,), {"opnum": opnum, "structure": tuple(takes), "__module__": __name__})
    answer = {"structure": (*gives, ("ErrorCode", ULONG)), "__module__": __name__}
    globals()[f"{name}Response"] = type(f"{name}Response", (DCOMANSWER,), answer)


AUTHORITY = ("pwszAuthority", LPWSTR)
BLOB_OUT = ("pctbOut", CERTTRANSBLOB)


def list_out(name):
    return ((name, PWCharArray), ("pcwc", LONG))


call("ServerControl", 17, [AUTHORITY, ("dwControlFlags", DWORD)], [BLOB_OUT])
call("Ping", 18, [AUTHORITY], [])
call("GetServerState", 19, [AUTHORITY], [("pdwState", DWORD)])
# The annotation is a pointer to one character, by reference: two bytes in place (MS-CSRA 3.1.4.1.18).
call("BackupPrepare", 20, [AUTHORITY, ("grbitJet", ULONG), ("dwBackupFlags", ULONG),
                           ("pwszBackupAnnotation", USHORT), ("dwClientIdentifier", DWORD)], [])
call("BackupEnd", 21, [], [])
call("BackupGetAttachmentInformation", 22, [], list_out("ppwszzDBFiles"))
call("BackupGetBackupLogs", 23, [], list_out("ppwszzLogFiles"))
call("BackupOpenFile", 24, [("pwszPath", LPWSTR)], [("pliLength", ULONGLONG)])
call("BackupReadFile", 25, [("cbBuffer", LONG)], [("pbBuffer", ByteArray), ("pcbRead", LONG)])
call("BackupCloseFile", 26, [], [])
call("BackupTruncateLogs", 27, [], [])
call("BackupGetDynamicFiles", 29, [], list_out("ppwszzFiles"))
call("RestoreGetDatabaseLocations", 30, [], list_out("ppwszzDatabaseLocations"))
call("GetCAProperty", 32, [AUTHORITY, ("PropId", LONG), ("PropIndex", LONG), ("PropType", LONG)], [BLOB_OUT])
call("GetCAPropertyInfo", 34, [AUTHORITY], [("pcProperty", LONG), BLOB_OUT])
call("Ping2", 38, [AUTHORITY], [])
call("GetConfigEntry", 44, [AUTHORITY, ("pwszNodePath", LPWSTR), ("pwszEntry", WSTR)], [("pVariant", VARIANT)])
call("GetMyRoles", 47, [AUTHORITY], [("pdwRoles", LONG)])
