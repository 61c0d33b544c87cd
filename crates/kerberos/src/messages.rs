//! The messages between client and service (RFC 4120 5.2, 5.3, 5.5).

use zeroize::Zeroizing;

use crate::Principal;
use crate::crypto::{Etype, Key};
use crate::der::{self, Malformed, Reader};

/// GSS flags of the authenticator's checksum (RFC 4121 4.1.1.1, RFC 4757 7.1).
pub(crate) const GSS_MUTUAL: u32 = 0x2;
/// Replay and sequence detection, confidentiality, integrity.
pub(crate) const GSS_PROTECTION: u32 = 0x4 | 0x8 | 0x10 | 0x20;
/// Three legs, bare AP messages.
pub(crate) const GSS_DCE_STYLE: u32 = 0x1000;

/// `mutual-required` of the AP options.
const MUTUAL_REQUIRED: u32 = 0x2000_0000;
/// Checksum type of GSS authenticators.
const GSS_CHECKSUM: i64 = 0x8003;

/// Key usages (RFC 4120 7.5.1).
pub(crate) mod usage {
    pub(crate) const TICKET: u8 = 2;
    pub(crate) const AS_REP: u8 = 3;
    pub(crate) const TGS_REP: u8 = 8;
    pub(crate) const AP_REQ: u8 = 11;
    pub(crate) const AP_REP: u8 = 12;
}

/// Bytes of a name with its realm: more are no name, and everybody can have them logged.
const MAX_NAME: usize = 1024;

/// A sequence of names with the type `name-type`.
pub(crate) fn read_name(reader: Reader<'_>, realm: &str) -> Result<Principal, Malformed> {
    let mut name = reader.sequence("PrincipalName")?;
    name.field(0, "name-type")?.integer("name-type")?;
    let mut strings = name.field(1, "name-string")?.sequence("name-string")?;
    let mut components = Vec::new();
    let mut len = realm.len();
    while !strings.is_empty() {
        let component = strings.next_string("name-string")?;
        len = len.saturating_add(component.len()).saturating_add(1);
        if len > MAX_NAME {
            return Err(Malformed("length of a PrincipalName"));
        }
        components.push(component);
    }
    Ok(Principal::new(components, realm))
}

pub(crate) fn write_name(name: &Principal) -> Vec<u8> {
    // NT-PRINCIPAL (1); peers compare names without their type.
    let strings: Vec<_> = name.components().iter().map(|text| der::string(text)).collect();
    der::sequence(&[der::field(0, &der::integer(1)), der::field(1, &der::sequence(&strings))])
}

/// `EncryptedData`.
#[derive(Clone)]
pub(crate) struct Sealed {
    pub(crate) etype: i64,
    pub(crate) kvno: Option<u32>,
    pub(crate) cipher: Vec<u8>,
}

impl Sealed {
    pub(crate) fn read(reader: Reader<'_>) -> Result<Self, Malformed> {
        let mut data = reader.sequence("EncryptedData")?;
        let etype = data.field(0, "etype")?.integer("etype")?;
        let kvno = data.optional(1, "kvno")?.map(|kvno| kvno.unsigned("kvno")).transpose()?;
        let cipher = data.field(2, "cipher")?.octets("cipher")?.to_vec();
        Ok(Self { etype, kvno, cipher })
    }

    fn write(key: &Key, cipher: &[u8]) -> Vec<u8> {
        let etype = der::integer(i64::from(key.etype().number()));
        der::sequence(&[der::field(0, &etype), der::field(2, &der::octets(cipher))])
    }

    /// Decrypts with a key of the same type.
    pub(crate) fn open(&self, key: &Key, usage: u8) -> Option<Zeroizing<Vec<u8>>> {
        if i64::from(key.etype().number()) != self.etype {
            return None;
        }
        key.decrypt(usage, &self.cipher)
    }
}

/// `EncryptionKey`; `Err` for another type than AES or a wrong length.
pub(crate) fn read_key(reader: Reader<'_>, what: &'static str) -> Result<Key, Malformed> {
    let mut key = reader.sequence(what)?;
    let etype = key.field(0, what)?.integer(what)?;
    let bytes = key.field(1, what)?.octets(what)?;
    Etype::of(etype).and_then(|etype| Key::new(etype, bytes)).ok_or(Malformed(what))
}

fn write_key(key: &Key) -> Zeroizing<Vec<u8>> {
    let etype = der::field(0, &der::integer(i64::from(key.etype().number())));
    let bytes = Zeroizing::new(der::field(1, &der::octets(key.bytes())));
    Zeroizing::new(der::sequence(&[etype, bytes.to_vec()]))
}

/// What is readable of a `Ticket`.
pub(crate) struct TicketHead {
    pub(crate) service: Principal,
    pub(crate) sealed: Sealed,
}

impl TicketHead {
    pub(crate) fn read(raw: &[u8]) -> Result<Self, Malformed> {
        let mut ticket = Reader::new(raw).application(1, "Ticket")?;
        ticket.field(0, "tkt-vno")?;
        let realm = ticket.field(1, "realm of Ticket")?.string("realm of Ticket")?;
        let service = read_name(ticket.field(2, "sname of Ticket")?, &realm)?;
        let sealed = Sealed::read(ticket.field(3, "enc-part of Ticket")?)?;
        Ok(Self { service, sealed })
    }
}

/// `EncTicketPart`: what the KDC tells the service.
pub(crate) struct TicketPart {
    pub(crate) flags: u32,
    pub(crate) key: Key,
    pub(crate) client: Principal,
    /// `starttime`, or `authtime`; Unix seconds.
    pub(crate) starts: i64,
    pub(crate) ends: i64,
}

impl TicketPart {
    pub(crate) fn read(plain: &[u8]) -> Result<Self, Malformed> {
        let mut part = Reader::new(plain).application(3, "EncTicketPart")?;
        let flags = part.field(0, "flags")?.flags("flags")?;
        let key = read_key(part.field(1, "key")?, "key of EncTicketPart (AES only)")?;
        let realm = part.field(2, "crealm")?.string("crealm")?;
        let client = read_name(part.field(3, "cname")?, &realm)?;
        part.field(4, "transited")?;
        let authenticated = part.field(5, "authtime")?.time("authtime")?;
        let starts = part.optional(6, "starttime")?.map(|time| time.time("starttime")).transpose()?;
        let ends = part.field(7, "endtime")?.time("endtime")?;
        Ok(Self { flags, key, client, starts: starts.unwrap_or(authenticated), ends })
    }
}

/// `AP-REQ`: the client's first token, without GSS framing.
pub(crate) struct ApReq {
    pub(crate) ticket: TicketHead,
    pub(crate) authenticator: Sealed,
}

impl ApReq {
    pub(crate) fn read(token: &[u8]) -> Result<Self, Malformed> {
        let mut request = Reader::new(token).application(14, "AP-REQ")?;
        request.field(0, "pvno")?;
        request.field(1, "msg-type")?;
        request.field(2, "ap-options")?;
        let mut ticket = request.field(3, "ticket")?;
        let ticket = TicketHead::read(ticket.raw("ticket")?)?;
        let authenticator = Sealed::read(request.field(4, "authenticator")?)?;
        Ok(Self { ticket, authenticator })
    }

    /// `session` is the ticket's key, `sealed` the encrypted authenticator.
    pub(crate) fn write(ticket: &[u8], session: &Key, sealed: &[u8]) -> Vec<u8> {
        der::application(
            14,
            &[
                der::field(0, &der::integer(5)),
                der::field(1, &der::integer(14)),
                der::field(2, &der::flags(MUTUAL_REQUIRED)),
                der::field(3, ticket),
                der::field(4, &Sealed::write(session, sealed)),
            ],
        )
    }
}

/// `Authenticator`: who asks, and when.
pub(crate) struct Authenticator {
    pub(crate) client: Principal,
    pub(crate) cusec: i64,
    pub(crate) ctime: i64,
    pub(crate) subkey: Option<Key>,
    pub(crate) sequence: u32,
    /// GSS flags of the checksum; `None` without a GSS checksum.
    pub(crate) flags: Option<u32>,
}

impl Authenticator {
    pub(crate) fn read(plain: &[u8]) -> Result<Self, Malformed> {
        let mut part = Reader::new(plain).application(2, "Authenticator")?;
        part.field(0, "authenticator-vno")?;
        let realm = part.field(1, "crealm")?.string("crealm")?;
        let client = read_name(part.field(2, "cname")?, &realm)?;
        let mut flags = None;
        if let Some(checksum) = part.optional(3, "cksum")? {
            let mut checksum = checksum.sequence("cksum")?;
            let kind = checksum.field(0, "cksumtype")?.integer("cksumtype")?;
            let bytes = checksum.field(1, "checksum")?.octets("checksum")?;
            // Lgth (4), Bnd (16), Flags (4), all little-endian.
            if kind == GSS_CHECKSUM {
                let bits =
                    bytes.get(20..24).and_then(|bits| bits.first_chunk()).ok_or(Malformed("checksum"))?;
                flags = Some(u32::from_le_bytes(*bits));
            }
        }
        let cusec = part.field(4, "cusec")?.integer("cusec")?;
        let ctime = part.field(5, "ctime")?.time("ctime")?;
        let subkey = part.optional(6, "subkey")?.map(|key| read_key(key, "subkey (AES only)")).transpose()?;
        let sequence =
            part.optional(7, "seq-number")?.map(|number| number.unsigned("seq-number")).transpose()?;
        Ok(Self { client, cusec, ctime, subkey, sequence: sequence.unwrap_or_default(), flags })
    }

    pub(crate) fn write(&self) -> Zeroizing<Vec<u8>> {
        let mut checksum = vec![16, 0, 0, 0];
        checksum.extend_from_slice(&[0; 16]);
        checksum.extend_from_slice(&self.flags.unwrap_or_default().to_le_bytes());
        let checksum = der::sequence(&[
            der::field(0, &der::integer(GSS_CHECKSUM)),
            der::field(1, &der::octets(&checksum)),
        ]);
        let mut fields = vec![
            der::field(0, &der::integer(5)),
            der::field(1, &der::string(self.client.realm())),
            der::field(2, &write_name(&self.client)),
            der::field(3, &checksum),
            der::field(4, &der::integer(self.cusec)),
            der::field(5, &der::time(self.ctime)),
        ];
        fields.extend(self.subkey.as_ref().map(|key| der::field(6, &write_key(key))));
        fields.push(der::field(7, &der::integer(i64::from(self.sequence))));
        Zeroizing::new(der::application(2, &fields))
    }
}

/// `AP-REP`: the service's proof, and in DCE style the client's last token.
pub(crate) struct ApRep {
    pub(crate) cusec: i64,
    pub(crate) ctime: i64,
    pub(crate) subkey: Option<Key>,
    pub(crate) sequence: u32,
}

impl ApRep {
    /// Opens a token with the ticket's key. `Ok(None)` when it was not made with that key.
    pub(crate) fn read(token: &[u8], session: &Key) -> Result<Option<Self>, Malformed> {
        let mut reply = Reader::new(token).application(15, "AP-REP")?;
        reply.field(0, "pvno")?;
        reply.field(1, "msg-type")?;
        let sealed = Sealed::read(reply.field(2, "enc-part of AP-REP")?)?;
        let Some(plain) = sealed.open(session, usage::AP_REP) else { return Ok(None) };
        let mut part = Reader::new(&plain).application(27, "EncAPRepPart")?;
        let ctime = part.field(0, "ctime")?.time("ctime")?;
        let cusec = part.field(1, "cusec")?.integer("cusec")?;
        let subkey = part.optional(2, "subkey")?.map(|key| read_key(key, "subkey (AES only)")).transpose()?;
        let sequence =
            part.optional(3, "seq-number")?.map(|number| number.unsigned("seq-number")).transpose()?;
        Ok(Some(Self { cusec, ctime, subkey, sequence: sequence.unwrap_or_default() }))
    }

    pub(crate) fn write(&self, session: &Key) -> Result<Vec<u8>, crate::Error> {
        let mut fields =
            vec![der::field(0, &der::time(self.ctime)), der::field(1, &der::integer(self.cusec))];
        fields.extend(self.subkey.as_ref().map(|key| der::field(2, &write_key(key))));
        fields.push(der::field(3, &der::integer(i64::from(self.sequence))));
        let plain = Zeroizing::new(der::application(27, &fields));
        let sealed = session.encrypt(usage::AP_REP, &plain)?;
        let part = Sealed::write(session, &sealed);
        Ok(der::application(
            15,
            &[der::field(0, &der::integer(5)), der::field(1, &der::integer(15)), der::field(2, &part)],
        ))
    }
}
