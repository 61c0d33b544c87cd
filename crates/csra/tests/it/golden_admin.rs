//! State, roles, properties, configuration, import: byte by byte.

use csra::method::{
    Counted, Done, GetCAProperty, GetCAPropertyInfo, GetConfigEntry, GetMyRoles, GetServerState,
    ImportCertificate, Method, Number, Ping, Ping2, ServerControl,
};
use csra::value::{Blob, PropertyId, Variant};

use crate::bytes::{comes_out, goes_in};

const ROOT_CA: &str = "
    00000200                    ; pwszAuthority: referent
    07000000 00000000 07000000  ; max_count, offset, actual_count
    'RootCA' 0000               ;
    ";

fn root_ca() -> Option<String> {
    Some("RootCA".to_owned())
}

#[test]
fn methods_that_only_name_the_ca() {
    goes_in(&Ping { authority: root_ca() }, ROOT_CA);
    goes_in(&Ping2 { authority: root_ca() }, ROOT_CA);
    goes_in(&GetServerState { authority: root_ca() }, ROOT_CA);
    goes_in(&GetMyRoles { authority: root_ca() }, ROOT_CA);
    goes_in(&GetCAPropertyInfo { authority: root_ca() }, ROOT_CA);
    goes_in(&Ping { authority: None }, "00000000 ; pwszAuthority: NULL");
    let empty = "00000200 01000000 00000000 01000000 0000 ; pwszAuthority: a NUL";
    goes_in(&Ping { authority: Some(String::new()) }, empty);

    comes_out::<Ping>(&Done, "00000000 ; HRESULT");
    comes_out::<Ping2>(&Done, "00000000 ; HRESULT");
    comes_out::<GetServerState>(
        &Number(1),
        "01000000    ; pdwState
         00000000    ; HRESULT",
    );
    comes_out::<GetMyRoles>(
        &Number(0x108),
        "08010000    ; pdwRoles: Read, Operator
         00000000    ; HRESULT",
    );
}

#[test]
fn server_control() {
    goes_in(
        &ServerControl { authority: root_ca(), flags: ServerControl::UNREGISTER },
        &format!("{ROOT_CA} 0000 01000000 ; padding to 4, dwControlFlags"),
    );
    comes_out::<ServerControl>(
        &Blob::default(),
        "00000000 00000000    ; pctbOut: cb, pb NULL
         00000000             ; HRESULT",
    );
}

#[test]
fn ca_property() {
    goes_in(
        &GetCAProperty { authority: root_ca(), id: PropertyId::SIGNING_CERTIFICATE, index: 2, kind: 3 },
        &format!(
            "{ROOT_CA}
             0000        ; padding to 4
             0C000000    ; PropId
             02000000    ; PropIndex
             03000000    ; PropType: binary"
        ),
    );
    comes_out::<GetCAProperty>(
        &Blob(vec![1, 2, 3, 4, 5]),
        "05000000      ; pctbPropertyValue: cb
         00000200      ; pb: referent
         05000000      ; max_count
         0102030405    ;
         000000        ; padding to 4
         00000000      ; HRESULT",
    );
}

#[test]
fn ca_property_info() {
    comes_out::<GetCAPropertyInfo>(
        &Counted { count: 1, blob: Blob(vec![9, 9, 9, 9]) },
        "01000000             ; pcProperty
         04000000 00000200    ; pctbPropInfo: cb, pb
         04000000 09090909    ; max_count, bytes
         00000000             ; HRESULT",
    );
}

#[test]
fn config_entry() {
    goes_in(
        &GetConfigEntry { authority: root_ca(), node: Some("CSP".into()), entry: "Provider".into() },
        &format!(
            "{ROOT_CA}
             0000                        ; padding to 4
             04000200                    ; pwszNodePath: the second referent
             04000000 00000000 04000000  ; max_count, offset, actual_count
             'CSP' 0000                  ;
             09000000 00000000 09000000  ; pwszEntry: ref, so no referent
             'Provider' 0000             ;"
        ),
    );
    goes_in(
        &GetConfigEntry { authority: None, node: Some(String::new()), entry: "Active".into() },
        "00000000                    ; pwszAuthority: NULL
         00000200                    ; pwszNodePath: referent
         01000000 00000000 01000000  ; max_count, offset, actual_count
         0000                        ; NUL
         0000                        ; padding to 4
         07000000 00000000 07000000  ; pwszEntry
         'Active' 0000               ;",
    );
}

fn entry(value: &Variant, body: &str) {
    comes_out::<GetConfigEntry>(
        value,
        &format!(
            "00000200    ; pVariant: referent
             00000000    ; padding to 8
             {body}
             00000000    ; HRESULT"
        ),
    );
}

#[test]
fn variants_of_one_value() {
    entry(
        &Variant::Long(0x641),
        "03000000 00000000       ; clSize: 24 bytes, rpcReserved
         0300 0000 0000 0000     ; vt: VT_I4, wReserved
         03000000                ; discriminant
         41060000                ; lVal",
    );
    entry(
        &Variant::Text("Days!".into()),
        "06000000 00000000       ; clSize: 46 bytes, rpcReserved
         0800 0000 0000 0000     ; vt: VT_BSTR
         08000000                ; discriminant
         04000200                ; bstrVal
         05000000                ; max_count
         0A000000                ; cBytes
         05000000                ; clSize
         'Days!' 0000            ; no NUL, but padding to 4",
    );
    entry(&Variant::Empty, "03000000 00000000 0000 0000 0000 0000 00000000 ; clSize, VT_EMPTY, discriminant");
    entry(&Variant::Null, "03000000 00000000 0100 0000 0000 0000 01000000 ; clSize, VT_NULL, discriminant");
}

#[test]
fn variants_of_arrays() {
    entry(
        &Variant::TextList(vec!["ab".into(), "c".into()]),
        "0E000000 00000000       ; clSize: 106 bytes, rpcReserved
         0820 0000 0000 0000     ; vt: VT_ARRAY | VT_BSTR
         00200000                ; discriminant: VT_ARRAY alone
         04000200 08000200       ; pointer to pointer to SAFEARRAY
         01000000                ; max_count of rgsabound
         0100 8001               ; cDims, fFeatures: FADF_BSTR | FADF_HAVEVARTYPE
         04000000                ; cbElements
         0000 0800               ; cLocks: VT_BSTR in the high word
         08000000                ; sfType: SF_BSTR
         02000000                ; Size
         0C000200                ; aBstr
         02000000 00000000       ; cElements, lLbound
         02000000                ; max_count
         10000200 14000200       ; two BSTR
         02000000 04000000 02000000 'ab'
         01000000 02000000 01000000 'c' 0000 ; padding to 4",
    );
    entry(
        &Variant::Bytes(vec![1, 2, 3]),
        "09000000 00000000       ; clSize: 71 bytes, rpcReserved
         1120 0000 0000 0000     ; vt: VT_ARRAY | VT_UI1
         00200000                ; discriminant
         04000200 08000200       ; pointer to pointer to SAFEARRAY
         01000000                ; max_count of rgsabound
         0100 8000               ; cDims, fFeatures: FADF_HAVEVARTYPE
         01000000                ; cbElements
         0000 1100               ; cLocks: VT_UI1 in the high word
         10000000                ; sfType: SF_I1
         03000000                ; clSize
         0C000200                ; pData
         03000000 00000000       ; cElements, lLbound
         03000000 010203 00      ; max_count, bytes, padding to 4",
    );
}

#[test]
fn import_certificate() {
    goes_in(
        &ImportCertificate {
            authority: root_ca(),
            certificate: vec![0x30, 0x00],
            flags: ImportCertificate::ALLOW_FOREIGN,
        },
        &format!(
            "{ROOT_CA}
             0000                 ; padding to 4
             02000000 04000200    ; pctbCertificate: cb, pb
             02000000 3000        ; max_count, bytes
             0000                 ; padding to 4
             00000100             ; dwFlags"
        ),
    );
    comes_out::<ImportCertificate>(
        &Number(17),
        "11000000    ; pdwRequestId
         00000000    ; HRESULT",
    );
}

/// Guards against a method that is bound to another one's number.
#[test]
fn methods_have_their_numbers() {
    fn opnum<M: Method>() -> Option<u16> {
        M::CALL.opnum()
    }
    assert_eq!(opnum::<Ping>(), Some(18));
    assert_eq!(opnum::<Ping2>(), Some(38));
    assert_eq!(opnum::<GetServerState>(), Some(19));
    assert_eq!(opnum::<GetMyRoles>(), Some(47));
    assert_eq!(opnum::<ServerControl>(), Some(17));
    assert_eq!(opnum::<GetCAProperty>(), Some(32));
    assert_eq!(opnum::<GetCAPropertyInfo>(), Some(34));
    assert_eq!(opnum::<GetConfigEntry>(), Some(44));
    assert_eq!(opnum::<ImportCertificate>(), Some(28));
}
